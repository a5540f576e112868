// Whether a client would rather have a page than JSON: a browser says so, most programs say nothing
// (RFC 9110, 12.5.1). Pure.

/** A media range and its parameters, of which the weight is the last. */
const member = /^\s*([^\s;]+)\s*(?:;.*?)??(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?$/

/** The closest range decides about a type, whatever its weight. */
const weightOf = (type: string, ranges: ReadonlyMap<string, number>): number =>
  ranges.get(type) ?? ranges.get(type.replace(/\/.*/, '/*')) ?? ranges.get('*/*') ?? 0

export const prefersHtml = (accept: string | undefined): boolean => {
  const ranges = new Map<string, number>()
  for (const part of accept?.toLowerCase().split(',') ?? []) {
    const [, range, weight = '1'] = member.exec(part) ?? []
    if (range !== undefined) ranges.set(range, Number(weight))
  }
  return weightOf('text/html', ranges) > weightOf('application/json', ranges)
}

// A page of metrics, read: for tests and benchmarks.

export type Sample = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
export type Scrape = {
  readonly samples: readonly Sample[]
  /** By name, of the families: counter, gauge, histogram. */
  readonly types: ReadonlyMap<string, string>
  /** The sum of the samples with this name and these labels; 0 when there are none. */
  total(name: string, labels?: Readonly<Record<string, string | number>>): number
}

export const scrape = async (port: number): Promise<Scrape> => {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  const text = await response.text()
  if (response.status !== 200) throw new Error(`/metrics gave a ${response.status}: ${text}`)
  return parseMetrics(text)
}

/** The text format, version 0.0.4, as far as we write it: no timestamps. */
export const parseMetrics = (text: string): Scrape => {
  const types = new Map<string, string>()
  const samples: Sample[] = []
  for (const line of text.split('\n')) {
    const [, family, type] = /^# TYPE (\S+) (\w+)$/.exec(line) ?? []
    if (family !== undefined && type !== undefined) types.set(family, type)
    if (line === '' || line.startsWith('#')) continue
    const [, name, list = '', value] = /^([a-z]\w*)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? []
    if (name === undefined) throw new Error(`not a sample: ${line}`)
    const labels = Object.fromEntries(
      [...list.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, text]) => [label, text]),
    ) as Record<string, string>
    samples.push({ name, labels, value: Number(value) })
  }
  const total: Scrape['total'] = (name, labels = {}) =>
    samples
      .filter((one) => one.name === name)
      .filter((one) => Object.entries(labels).every(([k, v]) => one.labels[k] === String(v)))
      .reduce((sum, { value }) => sum + value, 0)
  return { samples, types, total }
}

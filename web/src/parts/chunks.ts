// A long list in pieces, each drawn or not. A row stays in its piece whatever comes or goes around it: what is drawn
// anew loses the focus, and with it what somebody is typing. Pure.

export type Chunk<Row> = { readonly id: number; readonly rows: readonly Row[] }
type Keyed = { readonly key: string }
type Part<Row> = { readonly id: number; readonly rows: Row[] }

const chunkSize = 25
/** So long the first grows at its top, until what is added there gets a piece of its own. */
const grownSize = 2 * chunkSize
const added = 0

export const chunksOf = <Row extends Keyed>(
  rows: readonly Row[],
  before: readonly Chunk<Row>[] = [],
): readonly Chunk<Row>[] => {
  let lastId = Math.max(added, ...before.map(({ id }) => id))
  const chunks: Part<Row>[] = []
  const parts = partsOf(rows, before)
  for (const [i, { id, rows: own }] of parts.entries()) {
    const last = chunks.at(-1)
    const next = parts[i + 1]
    const joined = i === 1 && parts[0]?.id === added && last === undefined ? parts[0].rows : []
    if (id !== added) {
      const isUsed = chunks.some((one) => one.id === id)
      chunks.push({ id: isUsed ? ++lastId : id, rows: [...joined, ...own] })
    } else if (last || !next || own.length + next.rows.length > grownSize) {
      const room = last ? Math.max(0, chunkSize - last.rows.length) : 0
      last?.rows.push(...own.slice(0, room))
      for (let at = room; at < own.length; at += chunkSize) {
        chunks.push({ id: ++lastId, rows: own.slice(at, at + chunkSize) })
      }
    }
  }
  return chunks
}

/** The pieces of before, and what was added between them. What was added inside of one is of it. */
const partsOf = <Row extends Keyed>(
  rows: readonly Row[],
  before: readonly Chunk<Row>[],
): readonly Part<Row>[] => {
  const idOf = new Map(before.flatMap(({ id, rows }) => rows.map(({ key }) => [key, id] as const)))
  const parts: Part<Row>[] = []
  for (const row of rows) {
    const id = idOf.get(row.key) ?? added
    const [around, last] = parts.slice(-2)
    if (last?.id === added && around?.id === id) {
      around.rows.push(...last.rows, row)
      parts.pop()
    } else if (parts.at(-1)?.id === id) parts.at(-1)?.rows.push(row)
    else parts.push({ id, rows: [row] })
  }
  return parts
}

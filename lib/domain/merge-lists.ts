// One list of several, each of which is newest first: the newest todos of all shards, from the newest of
// each. Pure.

import { placeOf, type Position, type Slice } from './page.ts'

type Line = { readonly todo: Buffer; readonly place: Position }

/** The lines of a JSON array with one todo a line. */
function* linesOf(body: Buffer): Generator<Line, undefined, undefined> {
  let start = 1
  while (start < body.length - 1) {
    const newline = body.indexOf('\n', start)
    // A todo that is not the last ends in ",\n".
    const end = newline === -1 ? body.length - 1 : newline - 1
    const todo = body.subarray(start, end)
    const place = placeOf(todo)
    if (!place) throw new Error('a list has a line that is no todo')
    yield { todo, place }
    start = newline === -1 ? body.length : newline + 1
  }
  return undefined
}

/** Newest first, ties by id, as Postgres orders them: ids are of ASCII, and compared by their bytes. */
const isBefore = (one: Position, other: Position): boolean => {
  const ms = one.createdAt.getTime() - other.createdAt.getTime()
  return ms === 0 ? one.id > other.id : ms > 0
}

/**
 * The first `count` of `slices`, each of which has as many where it goes on. Cheap where few are asked for:
 * no more is parsed than is taken, and one of each.
 */
export const mergeSlices = (slices: readonly Slice[], count: number): Slice => {
  const lists = slices.map(({ body }) => linesOf(body))
  const heads = lists.map((list) => list.next().value)
  const taken: Line[] = []
  for (;;) {
    const first = newestOf(heads)
    const head = heads[first]
    if (!head) break
    const last = taken.at(-1)
    // In two of them while it is moved from one to the other.
    if (last?.place.id === head.place.id) taken[taken.length - 1] = changedLast(last, head)
    else if (taken.length === count) break
    else taken.push(head)
    heads[first] = lists[first]?.next().value
  }
  const isMore = heads.some(Boolean) || slices.some(({ next }) => next !== undefined)
  return {
    body: Buffer.concat([
      open,
      ...taken.flatMap(({ todo }, i) => (i === 0 ? [todo] : [comma, todo])),
      close,
    ]),
    next: isMore ? taken.at(-1)?.place : undefined,
  }
}

const newestOf = (heads: readonly (Line | undefined)[]): number => {
  let newest = -1
  for (const [i, head] of heads.entries()) {
    if (!head) continue
    const known = heads[newest]
    if (!known || isBefore(head.place, known.place)) newest = i
  }
  return newest
}

const changedLast = (one: Line, other: Line): Line =>
  changedAt(one) < changedAt(other) ? other : one

/** Times of one form sort as text. */
const changedAt = ({ todo }: Line): string =>
  (JSON.parse(todo.toString()) as { readonly updated_at?: string }).updated_at ?? ''

const open = Buffer.from('[')
const comma = Buffer.from(',\n')
const close = Buffer.from(']')

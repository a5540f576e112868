// One list of several, each of which is newest first: the newest todos of all shards, from the newest of
// each. Pure.

import { placeOf, type Slice } from './page.ts'

/** `created`: of one form, whose order as text is that of time. */
type Line = { readonly todo: Buffer; readonly id: string; readonly created: string }

/** The lines of a JSON array with one todo a line. */
function* linesOf(body: Buffer): Generator<Line, undefined, undefined> {
  let start = 1
  while (start < body.length - 1) {
    const newline = body.indexOf('\n', start)
    // A todo that is not the last ends in ",\n".
    const end = newline === -1 ? body.length - 1 : newline - 1
    const todo = body.subarray(start, end)
    yield lineOf(todo)
    start = newline === -1 ? body.length : newline + 1
  }
  return undefined
}

const idMark = Buffer.from('{"id":"')
const createdMark = Buffer.from('"created_at":"')
const quote = '"'.charCodeAt(0)
/** Of `2026-01-31T12:00:00.000Z`. */
const timeLength = 24

/**
 * Found, where it is as the store writes it: half of what it takes to parse the line. A text of a user
 * stands before the last `created_at`, and no id has a character that JSON escapes.
 */
const lineOf = (todo: Buffer): Line => {
  const idEnd = todo.indexOf(quote, idMark.length)
  const at = todo.lastIndexOf(createdMark) + createdMark.length
  const end = at + timeLength
  if (
    todo.subarray(0, idMark.length).equals(idMark) &&
    at > idEnd &&
    todo[end] === quote &&
    todo[end - 1] === zulu
  ) {
    return {
      todo,
      id: todo.toString('latin1', idMark.length, idEnd),
      created: todo.toString('latin1', at, end),
    }
  }
  const place = placeOf(todo)
  if (!place) throw new Error('a list has a line that is no todo')
  return { todo, id: place.id, created: place.createdAt.toISOString() }
}
const zulu = 'Z'.charCodeAt(0)

/** Newest first, ties by id, as Postgres orders them: ids are of ASCII, and compared by their bytes. */
const isBefore = (one: Line, other: Line): boolean =>
  one.created === other.created ? one.id > other.id : one.created > other.created

/**
 * The first `countMax` of `slices`, each of which has as many where it goes on. Cheap where few are asked for:
 * no more is parsed than is taken, and one of each.
 */
export const mergeSlices = (slices: readonly Slice[], countMax: number): Slice => {
  const lists = slices.map(({ body }) => linesOf(body))
  const heads = lists.map((list) => list.next().value)
  const taken: Line[] = []
  for (;;) {
    const first = newestOf(heads)
    const head = heads[first]
    if (!head) break
    const last = taken.at(-1)
    // In two of them while it is moved from one to the other.
    if (last?.id === head.id) taken[taken.length - 1] = changedLast(last, head)
    else if (taken.length === countMax) break
    else taken.push(head)
    heads[first] = lists[first]?.next().value
  }
  const isMore = heads.some(Boolean) || slices.some(({ next }) => next !== undefined)
  const last = taken.at(-1)
  return {
    body: Buffer.concat([
      open,
      ...taken.flatMap(({ todo }, i) => (i === 0 ? [todo] : [comma, todo])),
      close,
    ]),
    next: isMore && last ? { createdAt: new Date(last.created), id: last.id } : undefined,
  }
}

const newestOf = (heads: readonly (Line | undefined)[]): number => {
  let newest = -1
  for (const [i, head] of heads.entries()) {
    if (!head) continue
    const known = heads[newest]
    if (!known || isBefore(head, known)) newest = i
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

// A list that is too long to be held, in parts: it is read a slice at a time, each when the last has been
// taken, and is the JSON array that it would be as a whole.

import type { Position, Slice } from './page.ts'

/** Read at once: a list of 100 KB, in a few milliseconds. */
export const partCount = 500

/** `read` gives what follows a place in the list, at most `partCount` of it. */
export async function* listInParts(
  read: (after: Position | undefined) => Promise<Slice>,
): AsyncGenerator<Buffer, void, undefined> {
  let before = '['
  let after: Position | undefined
  do {
    const { body, next } = await read(after)
    const todos = body.subarray(1, -1)
    // The last may be empty: what was to follow is deleted.
    if (todos.length > 0) {
      yield Buffer.concat([Buffer.from(before), todos])
      before = ',\n'
    }
    after = next
  } while (after)
  yield Buffer.from(before === '[' ? '[]' : ']')
}

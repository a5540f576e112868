// Which partition of the log in Postgres the commands of a todo without a bucket go to. FNV-1a: any
// hash would do, as long as every server uses the same one.

import type { IdHash } from './homes.ts'

export const fnv1a: IdHash = {
  of: (todoId) => hash(todoId),
  after(start) {
    const before = hash(start)
    return (code) => add(before, code)
  },
}

const hash = (text: string): number => {
  let now = 0x811c9dc5
  for (let i = 0; i < text.length; i++) now = add(now, text.charCodeAt(i))
  return now
}

const add = (before: number, code: number) => Math.imul(before ^ code, 0x01000193) >>> 0

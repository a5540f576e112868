// Who publishes, and as which number: what the worker knows a record by that it has dealt with. Numbers
// are given in the order in which commands are queued, so they rise in each partition. What is sent
// again keeps its own.

import { randomBytes } from 'node:crypto'
import { publisherIdLength, type Stamp } from '../domain/command.ts'

/** Of a new publisher. Each call is for the next command; numbers of those that are refused are left out. */
export const createStamps = (): (() => Stamp) => {
  const by = randomBytes((publisherIdLength * 3) / 4).toString('base64url')
  let number = 0
  return () => ({ by, number: ++number })
}

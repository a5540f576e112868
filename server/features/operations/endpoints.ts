// What system admins see of the system itself, and decide about.

import type { Endpoint } from '../../http/contract/endpoint.ts'
import { discardDeadLetter } from './dead-letters/discard-dead-letter.ts'
import { listDeadLetters } from './dead-letters/list-dead-letters.ts'
import { readDeadLetter } from './dead-letters/read-dead-letter.ts'
import { replayDeadLetter } from './dead-letters/replay-dead-letter.ts'
import { readStatus, type StatusParts } from './read-status.ts'
import type { DeadLetterParts } from './dead-letters/vocabulary.ts'

export type OperationParts = { readonly operations: StatusParts & DeadLetterParts }

export const operationEndpoints = ({ operations }: OperationParts): Endpoint[] => [
  readStatus(operations),
  listDeadLetters(operations),
  readDeadLetter(operations),
  replayDeadLetter(operations),
  discardDeadLetter(operations),
]

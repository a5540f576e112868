// GET /api/admin/status: how the system does, for a system admin who has a browser and no metrics: what the
// lists are worth, how many commands wait to be applied, and what could not be.

import {
  described,
  dictionary,
  list,
  named,
  nullAs,
  number,
  object,
  oneOf,
  string,
  wholeNumber,
} from '../../../lib/domain/shape.ts'
import type { DeadLetters } from '../../../lib/todo-store/dead-letters.ts'
import { answer } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { orProblem, unavailable } from '../../http/problem.ts'
import { noStore } from '../../http/response-headers.ts'
import { exampleLetter, letterMembers, shownLetter, tag } from './dead-letters/vocabulary.ts'

export type StatusParts = {
  /** Commands, by partition, in their order. */
  readLag(): Promise<readonly Lag[]>
  /** Of all processes of this server. Undefined: nobody asked before, so there is nothing to compare with. */
  readTraffic(): Promise<Traffic | undefined>
  /** As `/ready` names them. Rejects never. */
  readDependencies(): Promise<Readonly<Record<string, string>>>
  readonly letters: Pick<DeadLetters, 'count' | 'newest'>
  heldLists(): Readonly<Record<string, HeldList>>
}

type Lag = { readonly partition: number; readonly end: number; readonly applied: number }
type Traffic = {
  readonly perSecond: number
  readonly p99Ms: number | undefined
  readonly seconds: number
}
type HeldList =
  | { readonly kind: 'empty' }
  | { readonly kind: 'fresh' | 'stale'; readonly asOfMs: number }

/** Of dead letters: `GET /api/admin/dead-letters` lists them all. */
const lettersMax = 20
/** However many admins look, what they see is read once in this time. */
const keepMs = 1_000

type RequestFigures = {
  readonly per_second: number
  readonly p99_ms: number | null
  readonly seconds: number
}

const status = answer({
  status: 200,
  description: 'As it is now, or was a second ago.',
  headers: [noStore],
  body: named(
    'SystemStatus',
    object({
      requests: described(
        nullAs<RequestFigures | null>(
          object({
            per_second: described(number(0), 'All of them, whatever they are for.'),
            p99_ms: described(
              nullAs<number | null>(number(0), null),
              'Of those that are timed: an answer that is ready in memory is not. Null: there were none.',
            ),
            seconds: described(number(0), 'Over how long: some ten, where it was read before.'),
          }),
          null,
        ),
        'Of all processes of the server that answers. Null: it was not read before. Read it again.',
      ),
      dependencies: described(
        dictionary(string()),
        'Of the process that answers, each by name: `ok`, or how it fails. As in `/ready`.',
      ),
      lists: described(
        list(
          object({
            list: oneOf('newest', 'all'),
            state: oneOf('fresh', 'stale', 'empty'),
            stale_ms: described(wholeNumber(0), 'How long ago it was last known to be current.'),
          }),
        ),
        'Of the process that answers. The list of all is empty while nobody asks for it.',
      ),
      lag: described(wholeNumber(0), 'Commands that wait to be applied, in all partitions.'),
      partitions: list(
        object({
          partition: wholeNumber(0),
          end: described(wholeNumber(0), 'The offset that the log gives to its next command.'),
          applied: described(wholeNumber(0), 'The offset that is applied next.'),
        }),
      ),
      dead_letters: described(wholeNumber(0), 'Commands that could never be applied.'),
      newest_dead_letters: described(
        list(object(letterMembers)),
        `The newest: ${lettersMax} at most.`,
      ),
    }),
  ),
  examples: [
    {
      requests: { per_second: 1_240.5, p99_ms: 4.2, seconds: 10.1 },
      dependencies: { postgres: 'ok', kafka: 'ok', redis: 'ok', events: 'ok', lists: 'ok' },
      lists: [
        { list: 'newest', state: 'fresh', stale_ms: 0 },
        { list: 'all', state: 'empty', stale_ms: 0 },
      ],
      lag: 2,
      partitions: [{ partition: 0, end: 1_042, applied: 1_040 }],
      dead_letters: 1,
      newest_dead_letters: [exampleLetter],
    },
  ],
})

const unreadable = unavailable(
  {
    slug: 'status-unreadable',
    when: 'The database or the command log does not answer.',
    remedy: 'Wait for `Retry-After`, then read again. `/ready` says which dependency is down.',
  },
  "the status can't be read now",
)

export const readStatus = (operations: StatusParts) => {
  let asked: { readonly atMs: number; readonly found: ReturnType<typeof read> } | undefined
  const read = async () => {
    const [partitions, traffic, dependencies, count, newest] = await Promise.all([
      operations.readLag(),
      operations.readTraffic(),
      operations.readDependencies(),
      operations.letters.count(),
      operations.letters.newest(lettersMax, 0),
    ])
    return {
      requests: traffic ? figuresOf(traffic) : null,
      dependencies,
      lag: partitions.reduce((sum, { end, applied }) => sum + Math.max(0, end - applied), 0),
      partitions: partitions.map(({ partition, end, applied }) => ({ partition, end, applied })),
      dead_letters: count,
      newest_dead_letters: newest.map((one) => shownLetter(one, one.size)),
    }
  }
  return endpoint({
    method: 'GET',
    path: '/api/admin/status',
    operationId: 'readStatus',
    summary: 'Read how the system does',
    description:
      'For system admins. No record of a dead letter is in it. Metrics say more, on a port of their own.',
    tag,
    auth: 'system-admin',
    limit: 'user',
    responses: [status],
    problems: [unreadable],
    async handler() {
      const nowMs = performance.now()
      if (!asked || nowMs - asked.atMs > keepMs) asked = { atMs: nowMs, found: read() }
      const found = await asked.found.catch(orProblem(unreadable))
      return status.reply({ lists: listsOf(operations.heldLists()), ...found })
    },
  })
}

const figuresOf = ({ perSecond, p99Ms, seconds }: Traffic): RequestFigures => ({
  per_second: rounded(perSecond),
  p99_ms: p99Ms === undefined ? null : rounded(p99Ms),
  seconds: rounded(seconds),
})
const rounded = (value: number): number => Math.round(value * 100) / 100

const listsOf = (held: Readonly<Record<string, HeldList>>) =>
  (['newest', 'all'] as const).map((name) => {
    const one = held[name] ?? { kind: 'empty' as const }
    const staleMs = one.kind === 'stale' ? performance.now() - one.asOfMs : 0
    return { list: name, state: one.kind, stale_ms: Math.round(staleMs) }
  })

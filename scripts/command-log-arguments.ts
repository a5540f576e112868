// The arguments of `npm run command-log`. Strict: a request half understood could skip commands
// that were acknowledged.

import { parseOptions, UsageError } from './command-line.ts'
import { yesOption } from './confirm.ts'

export const usage = `usage: npm run command-log -- show | adopt --from beginning|end|stored | partitions N [--timeout SEC] | replicas
  show                          which log the database knows, which log is there, and how far it is applied
  adopt --from beginning|end    register the log that is there as the database's: apply all it has, or
                                skip what it has; it is created when there is none
  adopt --from stored           the same, starting at the stored positions: for a copy with equal offsets
  partitions N [--timeout SEC]  spread commands over N partitions, more than now; adds those that the
                                log lacks, and waits SEC (120) for the workers to apply what is there
  replicas [--timeout SEC]      bring a topic of Kafka to KAFKA_REPLICATION_FACTOR and
                                KAFKA_MIN_INSYNC_REPLICAS, under writes; waits SEC (120) for the copies
  -y, --yes                     write to the defaults, where no setting names the database and the log
The log is KAFKA_TODO_TOPIC of COMMAND_LOG.
Exit codes: 0 done, 1 failed or not done, 2 wrong usage, or not told where to write.

Run show first: it prints what would be applied and skipped. Commands that were applied within a week
are known by their numbers or ids and not applied twice. After adopt, restart the workers; servers
resume by themselves. While partitions runs, about 20 s, servers refuse writes (503, Retry-After). Then they
resume, over N. Stop servers of releases that lack this command first: they would not wait.`

export type AdoptFrom = 'beginning' | 'end' | 'stored'

export type Request =
  | { readonly kind: 'show' }
  | ({ readonly kind: 'adopt'; readonly from: AdoptFrom } & Change)
  | ({ readonly kind: 'replicas'; readonly timeoutMs: number } & Change)
  | ({ readonly kind: 'partitions'; readonly count: number; readonly timeoutMs: number } & Change)

/** Also where no setting says where. */
type Change = { readonly isConfirmed: boolean }

const options = {
  ...yesOption,
  from: { type: 'string' },
  timeout: { type: 'string' },
} as const

/** Throws UsageError. */
export const parseRequest = (args: readonly string[]): Request => {
  const { values, positionals } = parseOptions(args, options, { allowPositionals: true })
  const [kind, argument, ...rest] = positionals
  const { from, timeout, yes: isConfirmed = false } = values
  if (rest.length > 0) throw new UsageError(`"${rest[0]}" is one too many`)
  if (kind !== 'adopt' && from !== undefined) throw new UsageError('--from is for adopt')
  if (kind !== 'partitions' && kind !== 'replicas' && timeout !== undefined)
    throw new UsageError('--timeout is for partitions and replicas')
  if (kind !== 'partitions' && argument !== undefined)
    throw new UsageError(`"${argument}" is one too many`)
  switch (kind) {
    case 'show':
      return { kind }
    case 'adopt':
      if (from !== 'beginning' && from !== 'end' && from !== 'stored') {
        throw new UsageError('adopt takes --from beginning, end or stored')
      }
      return { kind, from, isConfirmed }
    case 'partitions':
      return {
        kind,
        count: wholeNumber('a number of partitions from 1 to 1000', argument, 1_000),
        timeoutMs: timeoutMsOf(timeout),
        isConfirmed,
      }
    case 'replicas':
      return { kind, timeoutMs: timeoutMsOf(timeout), isConfirmed }
    default:
      throw new UsageError(kind === undefined ? 'give a command' : `"${kind}" is not a command`)
  }
}

const timeoutMsOf = (timeout = '120'): number =>
  wholeNumber('a number of seconds', timeout, 86_400) * 1_000

const wholeNumber = (what: string, text: string | undefined, max: number): number => {
  if (text === undefined || !/^[1-9]\d{0,8}$/.test(text) || Number(text) > max) {
    throw new UsageError(`${text === undefined ? 'nothing' : `"${text}"`} is not ${what}`)
  }
  return Number(text)
}

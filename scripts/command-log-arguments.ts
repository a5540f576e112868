// The arguments of `npm run command-log`. Strict: a request half understood could skip commands
// that were acknowledged.

import { parseArgs } from 'node:util'

export const usage = `usage: npm run command-log -- COMMAND
  show                          which log the database knows, which log is there, and how far it is applied
  adopt --from beginning|end    register the log that is there as the database's: apply all it has, or
                                skip what it has; it is created when there is none
  adopt --from stored           the same, starting at the stored positions: for a copy with equal offsets
  partitions N [--timeout SEC]  spread commands over N partitions, more than now; adds those that the
                                log lacks, and waits SEC (120) for the workers to apply what is there
The log is KAFKA_TODO_TOPIC of COMMAND_LOG. Exit codes: 0 done, 1 failed or not done, 2 wrong usage.

Run show first: it prints what would be applied and skipped. Commands that were applied within a week
are known by their ids and not applied twice. After adopt, restart the workers; servers resume by
themselves. While partitions runs, about 20 s, servers refuse writes (503, Retry-After). Then they
resume, over N. Stop servers of releases that lack this command first: they would not wait.`

export class Usage extends Error {}

export type AdoptFrom = 'beginning' | 'end' | 'stored'

export type Request =
  | { readonly kind: 'help' }
  | { readonly kind: 'show' }
  | { readonly kind: 'adopt'; readonly from: AdoptFrom }
  | { readonly kind: 'partitions'; readonly count: number; readonly timeoutMs: number }

/** Throws Usage. */
export const parseRequest = (args: readonly string[]): Request => {
  const { values, positionals } = parseOptions(args)
  if (values.help) return { kind: 'help' }
  const [kind, argument, ...rest] = positionals
  const { from, timeout } = values
  if (rest.length > 0) throw new Usage(`"${rest[0]}" is one too many`)
  if (kind !== 'adopt' && from !== undefined) throw new Usage('--from is for adopt')
  if (kind !== 'partitions' && timeout !== undefined) throw new Usage('--timeout is for partitions')
  if (kind !== 'partitions' && argument !== undefined)
    throw new Usage(`"${argument}" is one too many`)
  switch (kind) {
    case 'show':
      return { kind }
    case 'adopt':
      if (from !== 'beginning' && from !== 'end' && from !== 'stored') {
        throw new Usage('adopt takes --from beginning, end or stored')
      }
      return { kind, from }
    case 'partitions':
      return {
        kind,
        count: wholeNumber('a number of partitions from 1 to 1000', argument, 1_000),
        timeoutMs: wholeNumber('a number of seconds', timeout ?? '120', 86_400) * 1_000,
      }
    default:
      throw new Usage(kind === undefined ? 'give a command' : `"${kind}" is not a command`)
  }
}

const parseOptions = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        from: { type: 'string' },
        timeout: { type: 'string' },
      },
    })
  } catch (error) {
    throw new Usage((error as Error).message)
  }
}

const wholeNumber = (what: string, text: string | undefined, max: number): number => {
  if (text === undefined || !/^[1-9]\d{0,8}$/.test(text) || Number(text) > max) {
    throw new Usage(`${text === undefined ? 'nothing' : `"${text}"`} is not ${what}`)
  }
  return Number(text)
}

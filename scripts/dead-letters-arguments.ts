// The arguments of `npm run dead-letters`. Strict: a request half understood could discard what
// nobody can bring back.

import { parseOptions, UsageError } from './command-line.ts'
import { yesOption } from './confirm.ts'

export const usage = `usage: npm run dead-letters -- list [--limit N] | show ID | replay ID... [--record JSON] | discard ID...
  list [--limit N]             the newest letters, 20 by default
  show ID                      all of one letter
  replay ID... | --all         publish the records again, and remove those that the log has taken
  replay ID --record '<json>'  publish this record in its place
  discard ID... | --all        remove letters for good
  -y, --yes                    write to the defaults, where no setting names the database and the log
A replayed command applies now, after whatever came since, and once: its commandId is kept.
Letters are those of the log KAFKA_TODO_TOPIC.
Exit codes: 0 done, 1 failed, 2 wrong usage, or not told where to write.`

export type Request =
  | { readonly kind: 'list'; readonly limit: number }
  | { readonly kind: 'show'; readonly id: number }
  | ({ readonly kind: 'discard' } & Change)
  | ({ readonly kind: 'replay'; readonly record?: string } & Change)

type Change = {
  /** Undefined: all of them. */
  readonly ids: number[] | undefined
  /** Also where no setting says where. */
  readonly isConfirmed: boolean
}

const options = {
  ...yesOption,
  all: { type: 'boolean' },
  limit: { type: 'string' },
  record: { type: 'string' },
} as const

/** Throws UsageError. */
export const parseRequest = (args: readonly string[]): Request => {
  const { values, positionals } = parseOptions(args, options, { allowPositionals: true })
  const [kind, ...rest] = positionals
  const { all, limit, record, yes: isConfirmed = false } = values
  const ids = rest.map((text) => wholeNumber('an id', text))
  const [id] = ids
  if (limit !== undefined && kind !== 'list') throw new UsageError('--limit is for list')
  if (record !== undefined && kind !== 'replay') throw new UsageError('--record is for replay')
  if (all && kind !== 'replay' && kind !== 'discard')
    throw new UsageError('--all is for replay and discard')
  switch (kind) {
    case 'list':
      if (ids.length > 0) throw new UsageError('list takes no id: show does')
      return { kind, limit: wholeNumber('a limit', limit ?? '20') }
    case 'show':
      if (id === undefined || ids.length > 1) throw new UsageError('show takes one id')
      return { kind, id }
    case 'replay':
    case 'discard':
      if (ids.length > 0 === (all ?? false)) throw new UsageError(`${kind} takes ids, or --all`)
      if (record === undefined) return { kind, ids: all ? undefined : ids, isConfirmed }
      if (ids.length !== 1)
        throw new UsageError('--record takes the place of one letter: give one id')
      return { kind: 'replay', ids, record, isConfirmed }
    default:
      throw new UsageError(kind === undefined ? 'give a command' : `"${kind}" is not a command`)
  }
}

const wholeNumber = (what: string, text: string): number => {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`"${text}" is not ${what}`)
  return Number(text)
}

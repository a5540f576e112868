// The arguments of `npm run dead-letters`. Strict: a request half understood could discard what
// nobody can bring back.

import { parseArgs } from 'node:util'

export const usage = `usage: npm run dead-letters -- COMMAND
  list [--limit N]             the newest letters, 20 by default
  show ID                      all of one letter
  replay ID... | --all         publish the records again, and remove those that the log has taken
  replay ID --record '<json>'  publish this record in its place
  discard ID... | --all        remove letters for good
A replayed command applies now, after whatever came since, and once: its commandId is kept.
Letters are those of the log KAFKA_TODO_TOPIC. Exit codes: 0 done, 1 failed, 2 wrong usage.`

export class Usage extends Error {}

export type Request =
  | { readonly kind: 'help' }
  | { readonly kind: 'list'; readonly limit: number }
  | { readonly kind: 'show'; readonly id: number }
  /** No ids: all of them. */
  | { readonly kind: 'discard'; readonly ids: number[] | undefined }
  | { readonly kind: 'replay'; readonly ids: number[] | undefined; readonly record?: string }

/** Throws Usage. */
export const parseRequest = (args: readonly string[]): Request => {
  const { values, positionals } = parseOptions(args)
  if (values.help) return { kind: 'help' }
  const [kind, ...rest] = positionals
  const { all, limit, record } = values
  const ids = rest.map((text) => wholeNumber('an id', text))
  const [id] = ids
  if (limit !== undefined && kind !== 'list') throw new Usage('--limit is for list')
  if (record !== undefined && kind !== 'replay') throw new Usage('--record is for replay')
  if (all && kind !== 'replay' && kind !== 'discard')
    throw new Usage('--all is for replay and discard')
  switch (kind) {
    case 'list':
      if (ids.length > 0) throw new Usage('list takes no id: show does')
      return { kind, limit: wholeNumber('a limit', limit ?? '20') }
    case 'show':
      if (id === undefined || ids.length > 1) throw new Usage('show takes one id')
      return { kind, id }
    case 'replay':
    case 'discard':
      if (ids.length > 0 === (all ?? false)) throw new Usage(`${kind} takes ids, or --all`)
      if (record === undefined) return { kind, ids: all ? undefined : ids }
      if (ids.length !== 1) throw new Usage('--record takes the place of one letter: give one id')
      return { kind: 'replay', ids, record }
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
        all: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        limit: { type: 'string' },
        record: { type: 'string' },
      },
    })
  } catch (error) {
    throw new Usage((error as Error).message)
  }
}

const wholeNumber = (what: string, text: string): number => {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new Usage(`"${text}" is not ${what}`)
  return Number(text)
}

// The arguments of `npm run restore`. Strict: a time without a zone, or half of a place, could bring back
// another moment than the one that was meant.

import { parseOptions, UsageError } from '../command-line.ts'

export const usage = `usage: npm run restore -- --to TIME|LSN|latest --into DIRECTORY [--only NAME]
       npm run restore -- --join [--accept-loss]
Makes a data directory of Postgres from a backup in BACKUP_DIR and the WAL that is archived there, as it was
at a moment, and makes it ready to be started. DIRECTORY must be empty, or not be there.
  --only NAME       which database, where there are several: a shard of DATABASE_SHARDS, or DATABASE_URL
  --to TIME         2026-11-27T11:45:00Z, or with an offset: what was committed up to then
  --to LSN          0/3000148: what is before this place of the WAL
  --to latest       all that is archived
  --into DIRECTORY  for npm start DATA_DIR/postgres/data, for npm run services .data/services/postgres/data
  --backup NAME     begin at this backup, not at the newest that ended before (npm run backup -- --list)
  --timeline N      follow this timeline, where the archive has several: after a failover or a restore
  --keep-sessions   leave sessions as they were then; else all are revoked: some were revoked since
It starts the restored Postgres for as long as it works on it. It looks at the command log, and changes
nothing but DIRECTORY and a file in the archive that says which timeline is taken.
  --join            where there are shards, the next step, when all databases run: what one that was restored
                    has is compared with the others, and mended, before anybody uses it; or refused
  --accept-loss     join although the log has lost commands that are to be applied again
Exit codes: 0 done, 1 failed or refused: DIRECTORY is as it was, 2 wrong usage.`

export type Target =
  | { readonly kind: 'latest' }
  | { readonly kind: 'time'; readonly text: string; readonly ms: number }
  | { readonly kind: 'lsn'; readonly text: string }

export type JoinRequest = { readonly kind: 'join'; readonly acceptsLoss: boolean }
export type Request = {
  readonly kind: 'restore'
  readonly only: string | undefined
  readonly target: Target
  readonly into: string
  readonly backup: string | undefined
  readonly timeline: number | undefined
  readonly keepsSessions: boolean
}

const options = {
  to: { type: 'string' },
  into: { type: 'string' },
  backup: { type: 'string' },
  timeline: { type: 'string' },
  'keep-sessions': { type: 'boolean' },
  only: { type: 'string' },
  join: { type: 'boolean' },
  'accept-loss': { type: 'boolean' },
} as const

/** Throws UsageError. */
export const parseRequest = (args: readonly string[]): Request | JoinRequest => {
  const { values } = parseOptions(args, options)
  const { join = false, 'accept-loss': acceptsLoss = false, ...restores } = values
  if (join) {
    const [other] = Object.keys(restores)
    if (other !== undefined) throw new UsageError(`--${other} is not for --join`)
    return { kind: 'join', acceptsLoss }
  }
  if (acceptsLoss) throw new UsageError('--accept-loss is for --join')
  const { only, to, into, backup, timeline, 'keep-sessions': keepsSessions = false } = restores
  if (to === undefined) throw new UsageError('give --to TIME, LSN or latest')
  if (into === undefined || into === '') throw new UsageError('give --into DIRECTORY')
  if (timeline !== undefined && !/^[1-9]\d{0,8}$/.test(timeline)) {
    throw new UsageError(`--timeline "${timeline}" is no number`)
  }
  return {
    kind: 'restore',
    only,
    target: parseTarget(to),
    into,
    backup,
    timeline: timeline === undefined ? undefined : Number(timeline),
    keepsSessions,
  }
}

const timePattern = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)$/
const lsnPattern = /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i

const parseTarget = (text: string): Target => {
  if (text === 'latest') return { kind: 'latest' }
  if (lsnPattern.test(text)) return { kind: 'lsn', text }
  const ms = timePattern.test(text) ? Date.parse(text) : NaN
  if (Number.isNaN(ms)) {
    throw new UsageError(`--to "${text}" is no latest, LSN, or time with its zone`)
  }
  return { kind: 'time', text, ms }
}

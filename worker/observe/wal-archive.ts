// How much WAL Postgres has written that is in no archive. An archive that fails stops no write, and one
// that hangs says nothing: without this, a restore would be the first to notice.

import type { Registry } from '@prometheus-io/client'
import type { WalArchive } from '../../lib/drivers/postgres/wal-archive.ts'
import type { Log } from '../../lib/runtime/log.ts'
import { addGauge } from '../../lib/runtime/metrics.ts'

const pollEveryMs = 30_000

export type WalArchiveWatch = {
  /** Undefined: Postgres does not archive, or does not answer. */
  unarchivedBytes(): number | undefined
  /** Never rejects. */
  poll(): Promise<void>
  start(): void
  stop(): void
}

export const createWalArchiveWatch = (
  read: () => Promise<WalArchive | undefined>,
  log: Pick<Log, 'warn'>,
): WalArchiveWatch => {
  let timer: NodeJS.Timeout | undefined
  let unarchivedBytes: number | undefined
  let wasFailing = false
  /** Where the WAL was when nothing of it was known to be archived. */
  let firstSeenAt: number | undefined

  const poll = async () => {
    try {
      const archive = await read()
      if (archive?.archivedTo === undefined) firstSeenAt ??= archive?.writtenTo
      const from = archive?.archivedTo ?? firstSeenAt
      unarchivedBytes =
        archive && from !== undefined ? Math.max(archive.writtenTo - from, 0) : undefined
      const isFailing = archive?.failing !== undefined
      if (isFailing && !wasFailing) {
        log.warn({ ...archive.failing }, 'WAL is not archived, the log of Postgres says why')
      } else if (wasFailing && !isFailing) log.warn('WAL is archived again')
      wasFailing = isFailing
    } catch {
      unarchivedBytes = undefined // others say that Postgres is down
    }
  }

  return {
    unarchivedBytes: () => unarchivedBytes,
    poll,
    start() {
      void poll()
      timer = setInterval(() => void poll(), pollEveryMs).unref()
    },
    stop: () => clearInterval(timer),
  }
}

export const addWalArchiveMetrics = (
  registry: Registry,
  { unarchivedBytes }: Pick<WalArchiveWatch, 'unarchivedBytes'>,
): void =>
  addGauge(
    registry,
    {
      name: 'todos_database_wal_unarchived_bytes',
      help: 'WAL of Postgres that is in no archive yet, where it archives: what a lost disk would cost. A segment is archived when it is full.',
      combine: 'max',
    },
    () => {
      const bytes = unarchivedBytes()
      return bytes === undefined ? [] : [[{}, bytes]]
    },
  )

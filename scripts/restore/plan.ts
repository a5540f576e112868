// What a restore begins at, and which WAL it needs: decided, and refused, before a file is written.

import { namesIn, type Backup, type Places } from '../backup/places.ts'
import { archivedFrom, parseLsn, parseSegment } from '../backup/wal-names.ts'
import type { Request, Target } from './arguments.ts'

export type Plan = {
  readonly backup: Backup
  /** Undefined: that of the backup. */
  readonly timeline: number | undefined
}

/** Throws in one line why there is none, and what to give. */
export const planRestore = async (
  { wal, base }: Places,
  backups: readonly Backup[],
  request: Pick<Request, 'target' | 'backup' | 'timeline'>,
): Promise<Plan> => {
  if (backups.length === 0) throw new Error(`there is no backup in ${base}`)
  const backup = chooseBackup(backups, request)
  const archived = (await namesIn(wal)).map((name) => name.replace(/\.gz$/, ''))
  const { record } = backup
  const { segmentBytes } = record.server
  const later = new Set(
    archived
      .map((name) => parseSegment(name, segmentBytes)?.timeline ?? 0)
      .filter((timeline) => timeline > record.timeline),
  )
  if (later.size > 0 && request.timeline === undefined) {
    const all = [record.timeline, ...later].sort((a, b) => a - b).join(', ')
    throw new Error(`the archive goes on in the timelines ${all}: give --timeline`)
  }
  const timeline = request.timeline === record.timeline ? undefined : request.timeline
  if (timeline === undefined) {
    assertNoHole(
      request.target,
      archivedFrom(
        [...archived, ...record.wal.map(({ name }) => name)],
        record.timeline,
        record.startLsn,
        segmentBytes,
      ),
    )
  }
  return { backup, timeline }
}

const chooseBackup = (
  backups: readonly Backup[],
  { target, backup: name, timeline = Infinity }: Pick<Request, 'target' | 'backup' | 'timeline'>,
): Backup => {
  const able = backups.filter(
    ({ record }) => record.timeline <= timeline && endedBefore(target, record),
  )
  const chosen = able.findLast(({ record }) => name === undefined || record.name === name)
  if (chosen !== undefined) return chosen
  if (name !== undefined && !backups.some(({ record }) => record.name === name)) {
    throw new Error(`there is no backup ${name}: npm run backup -- --list`)
  }
  const ends = backups.map(({ record }) => `${record.name} (${record.endedAt}, ${record.endLsn})`)
  throw new Error(`no backup that is meant ended before that; there are ${ends.join(', ')}`)
}

const endedBefore = (target: Target, { endedAt, endLsn }: Backup['record']): boolean => {
  switch (target.kind) {
    case 'latest':
      return true
    case 'time':
      return Date.parse(endedAt) <= target.ms
    case 'lsn':
      return parseLsn(endLsn) <= parseLsn(target.text)
  }
}

/** What is after a hole would be left out in silence. Of a time, Postgres itself says that it is not reached. */
const assertNoHole = (target: Target, { endLsn, missing }: ReturnType<typeof archivedFrom>) => {
  if (missing === undefined || target.kind === 'time') return
  if (target.kind === 'lsn' && parseLsn(target.text) <= parseLsn(endLsn)) return
  throw new Error(
    `the archive lacks ${missing}, and has later WAL: bring that back, or give --to ${endLsn}`,
  )
}

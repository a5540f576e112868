// What is not archived is known also of an archive that has never said anything.

import t from 'tap'
import type { WalArchive } from '../../lib/drivers/postgres/wal-archive.ts'
import { createWalArchiveWatch } from './wal-archive.ts'

const failing = { file: '000000010000000000000002', at: new Date(0) }

t.test('the WAL since the last archived segment is counted', async (t) => {
  let archive: WalArchive | Error | undefined
  const warned: unknown[] = []
  const log = { warn: (...args: unknown[]) => void warned.push(args.at(-1)) }
  const watch = createWalArchiveWatch(
    () => (archive instanceof Error ? Promise.reject(archive) : Promise.resolve(archive)),
    log,
  )
  const bytesOf = async (next: typeof archive) => {
    archive = next
    await watch.poll()
    return watch.unarchivedBytes()
  }
  t.equal(await bytesOf(undefined), undefined, 'it does not archive')
  t.equal(await bytesOf({ writtenTo: 1_000, archivedTo: undefined, failing: undefined }), 0)
  t.equal(await bytesOf({ writtenTo: 1_500, archivedTo: undefined, failing: undefined }), 500)
  t.equal(await bytesOf({ writtenTo: 1_600, archivedTo: undefined, failing }), 600)
  t.equal(await bytesOf(new Error('down')), undefined)
  t.equal(await bytesOf({ writtenTo: 1_700, archivedTo: undefined, failing }), 700)
  t.equal(await bytesOf({ writtenTo: 1_700, archivedTo: 2_000, failing: undefined }), 0)
  t.equal(await bytesOf({ writtenTo: 2_100, archivedTo: 2_000, failing: undefined }), 100)
  t.same(warned, ['WAL is not archived, the log of Postgres says why', 'WAL is archived again'])
})

// Which pages come from the cache, and which are put there for others.

import t from 'tap'
import type { MustSee } from '../../../lib/domain/must-see.ts'
import type { PageSnapshot } from '../../../lib/domain/page.ts'
import { noPageCache } from '../../../lib/page-cache/page-cache.ts'
import { createPages } from './pages.ts'

const pageOf = (version: number): PageSnapshot => ({ version, total: 0, body: Buffer.from('[]') })
const query = { limit: 10, page: undefined, after: undefined }

const answered = async (
  cached: number | undefined,
  mustSee: MustSee,
  { isOfReader, isFromReplica }: { isOfReader: boolean; isFromReplica: boolean },
) => {
  const filled: number[] = []
  const reply = createPages({
    store: {
      readPage: (_page, { version = 9 } = {}) =>
        Promise.resolve({ ...pageOf(version), isFromReplica }),
    },
    pages: {
      ...noPageCache,
      get: () => Promise.resolve(cached === undefined ? undefined : pageOf(cached)),
      fill(_page, { version }) {
        filled.push(version)
        return Promise.resolve()
      },
    },
    reads: { run: (_client, read) => read() },
  })
  const readSlice = () => Promise.reject(new Error('no slice was asked for'))
  const path = '/api/todos'
  const owner = 'user:ann' as const
  const listed = { owner, readSlice, mustSee, isOfReader, path, route: path }
  const { headers } = await reply('ann', listed, query, undefined)
  return { version: Number(/"(\d+)-/.exec(headers.join())?.[1]), filled }
}

t.test('a page is read anew and kept when none is there, or one that is too old', async (t) => {
  for (const isFromReplica of [false, true]) {
    const from = { isOfReader: false, isFromReplica }
    t.same(await answered(5, {}, from), { version: 5, filled: [] })
    t.same(await answered(undefined, {}, from), { version: 9, filled: [9] })
    t.same(await answered(5, { version: 6 }, from), { version: 6, filled: [6] })
  }
})

t.test('an old one, that its reader is content with, is not kept for others', async (t) => {
  const old = { isOfReader: true, isFromReplica: true }
  t.same(await answered(undefined, { version: 6 }, old), { version: 6, filled: [] })
  t.same(await answered(7, { version: 6 }, old), { version: 7, filled: [] })
  const current = { isOfReader: true, isFromReplica: false }
  t.same(await answered(undefined, { version: 6 }, current), { version: 6, filled: [6] })
})

t.test('one in the cache is of no use to who says where in the log his write is', async (t) => {
  const mustSee = { positions: [{ partition: 3, offset: 1_042 }] }
  for (const isFromReplica of [false, true]) {
    const from = { isOfReader: true, isFromReplica }
    t.same(await answered(7, mustSee, from), { version: 9, filled: isFromReplica ? [] : [9] })
  }
})

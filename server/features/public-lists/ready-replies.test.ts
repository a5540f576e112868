// Ready replies: made once, compressed once a version and never when small, bounded in memory.

import { randomBytes } from 'node:crypto'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import t from 'tap'
import { eventually } from '../../../testing/eventually.ts'
import { cursorOf } from '../../http/cursor.ts'
import type { Reply } from '../../http/engines/engine.ts'
import { createReadyReplies } from './ready-replies.ts'

const bodyOf = (limit: number) => ({ body: Buffer.from(`[${'"todo",'.repeat(limit * 100)}0]`) })

t.test('a reply is made once and kept until its list changes', async (t) => {
  const replies = createReadyReplies(10_000_000)
  let made = 0
  const counted = (limit: number) => {
    made++
    return bodyOf(limit)
  }
  const first = replies.find(10, 'identity', 1, counted)
  t.equal(replies.find(10, 'identity', 1, counted), first)
  t.equal(made, 1)
  t.equal(first.etag, '"1-10"')
  t.same(first.reply.headers.slice(0, 6), [
    'Content-Type',
    'application/json',
    'X-Content-Type-Options',
    'nosniff',
    'ETag',
    '"1-10"',
  ])
  t.match(first.notModified, { status: 304, body: { length: 0 } })
  replies.find(0, 'identity', 1, counted)
  replies.forget((limit) => limit > 0)
  t.equal(replies.find(10, 'identity', 2, counted).etag, '"2-10"')
  t.equal(replies.find(0, 'identity', 1, counted).etag, '"1-all"', 'the other list was not touched')
  t.equal(made, 3)
})

t.test('a large one is compressed once, in the background', async (t) => {
  const replies = createReadyReplies(10_000_000)
  for (const [encoding, expand] of [
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ] as const) {
    const plain = replies.find(1_000, encoding, 1, bodyOf)
    t.equal(plain.etag, '"1-1000"', 'meanwhile it is sent as it is')
    const ready = await eventually(
      () => replies.find(1_000, encoding, 1, bodyOf),
      ({ etag }) => etag === `"1-1000-${encoding}"`,
    )
    t.same(expand(ready.reply.body), bodyOf(1_000).body)
    t.ok(ready.reply.headers.includes('Content-Encoding'))
    t.equal(replies.find(1_000, encoding, 1, bodyOf), ready, 'once')
  }
})

t.test('each form of a list says where it goes on', async (t) => {
  const replies = createReadyReplies(10_000_000)
  const place = { createdAt: new Date(1_795_000_000_000), id: 'a' }
  const link = ['Link', `</todos?limit=9&after=${cursorOf('/todos', place)}>; rel="next"`]
  const goingOn = (limit: number) => ({ ...bodyOf(limit * 10), next: place })
  const linkOf = ({ headers }: Reply) => headers.slice(headers.indexOf('Link')).slice(0, 2)
  const plain = replies.find(9, 'identity', 1, goingOn)
  t.same([plain.reply, plain.notModified].map(linkOf), [link, link])
  const compressed = await eventually(
    () => replies.find(9, 'br', 1, goingOn),
    ({ etag }) => etag.endsWith('-br"'),
  )
  t.same(linkOf(compressed.reply), link)
  t.notOk(replies.find(8, 'identity', 1, bodyOf).reply.headers.includes('Link'))
})

t.test('a small one never is', async (t) => {
  const replies = createReadyReplies(10_000_000)
  replies.find(1, 'gzip', 1, bodyOf)
  const large = () => replies.find(1_000, 'gzip', 1, bodyOf)
  await eventually(large, ({ etag }) => etag.endsWith('-gzip"'))
  t.equal(replies.find(1, 'gzip', 1, bodyOf).etag, '"1-1"')
})

t.test('who refuses identity waits, however short it is', async (t) => {
  const replies = createReadyReplies(10_000_000)
  for (const encoding of ['gzip', 'br'] as const) {
    const find = () => replies.findCompressed(1, encoding, 1, bodyOf)
    t.equal(find(), undefined)
    await replies.settled(1, encoding)
    t.equal(find()?.etag, `"1-1-${encoding}"`)
    t.equal(replies.find(1, encoding, 1, bodyOf), find(), 'from now on for everybody')
  }
})

t.test('nobody waits for what will not come', async (t) => {
  const replies = createReadyReplies(10_000)
  const noise = { body: randomBytes(100_000) }
  const find = (version: number) => replies.findCompressed(1, 'gzip', version, () => noise)
  t.equal(find(1), undefined)
  await replies.settled(1, 'gzip')
  t.equal(find(1), undefined, 'there is no room for it')
  await replies.settled(1, 'gzip')
  replies.forget(() => true)
  t.equal(find(2), undefined)
  const settled = replies.settled(1, 'gzip')
  replies.forget(() => true)
  await settled
  await replies.settled(2, 'gzip')
})

t.test('a list that changes while it is compressed is not answered with the old one', async (t) => {
  const replies = createReadyReplies(10_000_000)
  replies.find(1_000, 'gzip', 1, bodyOf)
  replies.forget(() => true)
  t.equal(replies.find(1_000, 'identity', 2, bodyOf).etag, '"2-1000"')
  const ready = await eventually(
    () => replies.find(1_000, 'gzip', 2, bodyOf),
    ({ etag }) => etag.endsWith('-gzip"'),
  )
  t.equal(ready.etag, '"2-1000-gzip"')
})

t.test('past the bound the least recently used go first', async (t) => {
  const replies = createReadyReplies(500_000)
  let made: number[] = []
  const counted = (limit: number) => {
    made.push(limit)
    return { body: Buffer.alloc(100_000, 'x') }
  }
  const use = (limit: number) => replies.find(limit, 'identity', 1, counted)
  for (const limit of [1, 2, 3, 4]) use(limit)
  use(1)
  use(5) // five do not fit
  made = []
  for (const limit of [1, 3, 4, 5]) use(limit)
  t.same(made, [], 'those used lately are still there')
  use(2)
  t.same(made, [2])
})

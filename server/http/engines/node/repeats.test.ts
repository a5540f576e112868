// The pure parts of the fast path: what is a plain request, and what is nothing but copies of it.

import t from 'tap'
import { seeded } from '../../../../testing/seeded.ts'
import { readPlainGet } from './plain-get.ts'
import { countRepeats } from './repeats.ts'

const request = Buffer.from('GET /todos?limit=10 HTTP/1.1\r\nHost: a\r\n\r\n')
const { length } = request
const copies = (count: number) => Buffer.from(request.toString().repeat(count))

t.test('copies are counted wherever they are cut', async (t) => {
  const stream = copies(5)
  for (let from = 0; from < length; from++) {
    for (let to = from + 1; to <= stream.length; to += 7) {
      const expected = {
        kind: 'copies',
        complete: Math.floor(to / length),
        matched: to % length,
      }
      t.same(
        countRepeats(request, from, stream.subarray(from, to), to - from),
        expected,
        `${from} to ${to}`,
      )
    }
  }
})

t.test('one changed bit anywhere makes it something else', async (t) => {
  const random = seeded(t)
  for (let round = 0; round < 20_000; round++) {
    const matched = random.below(length)
    const chunk = Buffer.from(copies(6).subarray(matched, matched + 1 + random.below(4 * length)))
    const at = random.below(chunk.length)
    chunk[at] = (chunk[at] ?? 0) ^ (1 << random.below(8))
    if (countRepeats(request, matched, chunk, chunk.length).kind !== 'other') {
      t.fail(`matched ${matched}, changed at ${at} of ${chunk.length}`)
      return
    }
  }
  t.pass('20,000 rounds')
})

const plain = (text: string) => readPlainGet(Buffer.from(text, 'latin1'))

t.test('a plain request is read', async (t) => {
  const read = plain('GET /a?b=c HTTP/1.1\r\nHost: a:80\r\nX-Y:z\r\nIf-None-Match: "1"\r\n\r\nrest')
  t.match(read, { target: '/a?b=c', length: 62 })
  t.equal(read?.header('if-none-match'), '"1"')
  t.equal(read?.header('x-y'), 'z')
  t.ok(plain('GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n'))
})

t.test('whatever is odd is not plain', async (t) => {
  for (const head of [
    'GET / HTTP/1.0\r\nHost: a',
    'GET / HTTP/1.1',
    'GET / HTTP/1.1\r\nHost:',
    'GET / HTTP/1.1\r\nHost: a\r\nhost: a',
    'GET / HTTP/1.1\r\nHost: a b',
    'HEAD / HTTP/1.1\r\nHost: a',
    'get / HTTP/1.1\r\nHost: a',
    'GET  / HTTP/1.1\r\nHost: a',
    'GET http://a/ HTTP/1.1\r\nHost: a',
    'GET / HTTP/1.1\nHost: a',
    'GET / HTTP/1.1\r\nHost : a',
    'GET / HTTP/1.1\r\nHost: a\r\n X: folded',
    'GET / HTTP/1.1\r\nHost: a\r\nX: \xe9',
    'GET / HTTP/1.1\r\nHost: a\r\nX:\ta',
    'GET / HTTP/1.1\r\nHost: a\r\nX: a ',
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: close',
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x',
    'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0',
    'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked',
    'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c',
    'GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue',
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(4_096)}`,
  ]) {
    t.equal(plain(`${head}\r\n\r\n`), undefined, JSON.stringify(head.slice(0, 60)))
  }
  t.equal(plain('GET / HTTP/1.1\r\nHost: a\r\n'), undefined, 'not whole yet')
})

// What is a plain request, what is the begin of one, and that everything else is left to node's parser.

import t from 'tap'
import { plainBodyBytesMax, readPlainRequest } from './plain-request.ts'

const read = (text: string, headBytesMax?: number) =>
  readPlainRequest(Buffer.from(text, 'latin1'), headBytesMax)
const kindOf = (text: string, headBytesMax?: number) => read(text, headBytesMax).kind
const named = (text: string) => JSON.stringify(text.slice(0, 60))

void t.test('a plain request is read', async (t) => {
  const text = 'GET /a?b=c HTTP/1.1\r\nHost: a:80\r\nX-Y:z\r\nIf-None-Match: "1"\r\n\r\n'
  const reading = read(`${text}rest`)
  t.match(reading, {
    kind: 'plain',
    request: { method: 'GET', target: '/a?b=c', headBytes: text.length, bodyBytes: 0 },
  })
  const { header } = reading.kind === 'plain' ? reading.request : { header: () => 'none' }
  t.equal(header('if-none-match'), '"1"')
  t.equal(header('x-y'), 'z')
  t.equal(header('x-z'), undefined)
})

void t.test('a body is as long as its head says', async (t) => {
  for (const [method, length] of [
    ['POST', 0],
    ['PUT', 7],
    ['PATCH', 12_345],
    ['DELETE', plainBodyBytesMax],
    ['OPTIONS', 1],
  ] as const) {
    const text = `${method} /a HTTP/1.1\r\nHost: a\r\ncontent-length:${length}\r\n\r\n`
    t.match(read(text), { kind: 'plain', request: { method, bodyBytes: length } })
  }
  t.match(read('POST /a HTTP/1.1\r\nHost: a\r\n\r\n'), { request: { bodyBytes: 0 } })
})

void t.test('whatever is odd is not plain', async (t) => {
  const plain = 'GET / HTTP/1.1\r\nHost: a'
  const post = 'POST / HTTP/1.1\r\nHost: a'
  for (const head of [
    'GET / HTTP/1.0\r\nHost: a',
    'GET / HTTP/1.1',
    'GET / HTTP/1.1\r\nHost:',
    'GET / HTTP/1.1\r\nHost: a\r\nhost: a',
    'GET / HTTP/1.1\r\nHost: a b',
    'BREW / HTTP/1.1\r\nHost: a',
    'CONNECT a:1 HTTP/1.1\r\nHost: a',
    'OPTIONS * HTTP/1.1\r\nHost: a',
    'get / HTTP/1.1\r\nHost: a',
    'GET  / HTTP/1.1\r\nHost: a',
    'GET http://a/ HTTP/1.1\r\nHost: a',
    'GET /a#b HTTP/1.1\r\nHost: a',
    'GET /a"b HTTP/1.1\r\nHost: a',
    'GET /\x7f HTTP/1.1\r\nHost: a',
    'GET / HTTP/1.1\nHost: a',
    'GET / HTTP/1.1\r\nHost : a',
    '\r\nGET / HTTP/1.1\r\nHost: a',
    `${plain}\r\n X: folded`,
    `${plain}\r\nX: \xe9`,
    `${plain}\r\nX:\ta`,
    `${plain}\r\nX: a `,
    `${plain}\r\nX: a\0`,
    `${plain}\r\nX: a\rb`,
    `${plain}\r\nX: a\nb`,
    `${plain}\r\nConnection: close`,
    `${plain}\r\nConnection: keep-alive, x`,
    `${plain}\r\nContent-Length: 0`,
    `${plain}\r\nTransfer-Encoding: chunked`,
    `${plain}\r\nUpgrade: h2c`,
    `${plain}\r\nExpect: 100-continue`,
    `${plain}\r\nX: ${'a'.repeat(4_096)}`,
    `${post}\r\nTransfer-Encoding: identity`,
    `${post}\r\nContent-Length: ${plainBodyBytesMax + 1}`,
    ...['', '+1', '-1', '01', '0x1', '1e1', '1.0', ' 1', '1 ', '1,1', '1, 1', '1'.repeat(20)].map(
      (length) => `${post}\r\nContent-Length: ${length}`,
    ),
    `${post}\r\nContent-Length: 1\r\nContent-Length: 1`,
    `${post}\r\nContent-Length: 1\r\n 0`,
  ]) {
    t.equal(kindOf(`${head}\r\n\r\n`), 'odd', named(head))
  }
})

void t.test('a head that goes on is torn, wherever it is behind its first line', async (t) => {
  const text = 'POST /a HTTP/1.1\r\nHost: a\r\nX-Y: b c\r\nContent-Length: 3\r\n\r\n'
  const inLine = text.indexOf('\r\n') + 2
  for (let at = 1; at < text.length; at++) {
    t.equal(kindOf(text.slice(0, at)), at < inLine ? 'odd' : 'torn', named(text.slice(0, at)))
  }
  t.equal(kindOf(`${text}abc`), 'plain')
})

void t.test('what cannot become a plain head is not waited for', async (t) => {
  for (const begin of [
    'GET / HTTP/1.1\r\nHost: a\n\n',
    'GET / HTTP/1.1\r\nHost: a\r\n X',
    'GET / HTTP/1.1\r\nHost: a\r\nX\0',
    'GET / HTTP/1.1\r\nHost: a\r\nX Y: b',
    'GET / HTTP/1.1\r\nHost: a\r\nX: \xe9',
    'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX',
    'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\nX',
    `GET / HTTP/1.1\r\nX: ${'a'.repeat(4_096)}`,
  ]) {
    t.equal(kindOf(begin), 'odd', named(begin))
  }
})

void t.test('a head is at most as long as it may be', async (t) => {
  const text = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  t.equal(kindOf(text, text.length), 'plain')
  t.equal(kindOf(text, text.length - 1), 'odd')
})

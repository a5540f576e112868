// Makes streams of HTTP/1.1 as clients, proxies and attackers send them: runs of one request, odd
// requests between, bytes changed, cut anywhere. For the differential test.

export type Random = { below(max: number): number }

export const pick = <T>(random: Random, choices: readonly T[]): T =>
  choices[random.below(choices.length)] as T
export const chance = (random: Random, percent: number): boolean => random.below(100) < percent

const hotTargets = ['/todos?limit=10', '/todos?limit=1000']
const targets = [
  ...hotTargets,
  '/todos',
  '/todos?limit=0',
  '/',
  '*',
  'http://a/todos?limit=10',
  '/todos?limit=10#x',
  '/t%00',
  '/%74odos?limit=10',
  '/todos%3flimit=10',
  '//todos?limit=10',
  '/todos/../todos?limit=10',
  '/todos/%zz',
]
const headers = [
  'User-Agent: wrk',
  'Accept: */*',
  'Accept-Encoding: gzip',
  'accept-encoding: br;q=0',
  'If-None-Match: "1"',
  'If-None-Match: "2"',
  'If-None-Match: "2"\r\nIf-None-Match: "1"',
  'Accept-Encoding: br\r\nAccept-Encoding: gzip',
  'Connection: keep-alive',
  'connection: Keep-Alive',
]
export const oddHeaders = [
  'Connection: close',
  'Connection: x, close',
  'Connection: upgrade\r\nUpgrade: websocket',
  'Upgrade: h2c',
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA',
  'Expect: 100-continue',
  'Expect: foo',
  'Host: b',
  'Host:',
  'Content-Length: 0',
  'Content-Length: 3',
  'Content-Length: +3',
  'Content-Length: 3\r\nContent-Length: 4',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked\r\nContent-Length: 3',
  'X-Tab:\tvalue\t',
  'X-Empty:',
  'X-Space : a',
  'X-Folded: a\r\n b',
  'X-Latin: \xe9',
  'X-Nul: a\0b',
  ': no name',
  'no colon',
  'Trailer: X',
  'TE: trailers',
  'Keep-Alive: timeout=5',
  'X-Bare: a\nX-Other: b',
  'X-Cr: a\rb',
  `X-Long: ${'a'.repeat(5_000)}`,
]
const oddLines = [
  'HEAD /todos?limit=10 HTTP/1.1',
  'POST /todos HTTP/1.1',
  'GET /todos?limit=10 HTTP/1.0',
  'GET /todos?limit=10 HTTP/1.0\r\nConnection: Keep-Alive',
  'GET /todos?limit=10 HTTP/1.2',
  'GET /todos?limit=10 HTTP/2.0',
  'GET /todos?limit=10',
  'GET  /todos?limit=10 HTTP/1.1',
  'get /todos?limit=10 HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'DELETE /todos/x HTTP/1.1',
  'CONNECT a:1 HTTP/1.1',
  'PRI * HTTP/2.0',
  'PROXY TCP4 1.2.3.4 5.6.7.8 9 80',
  '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c',
  'BREW / HTTP/1.1',
  'GET /todos?limit=10\tHTTP/1.1',
]
const bodies = [
  '',
  'abc',
  '3\r\nabc\r\n0\r\n\r\n',
  '3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n',
  'GET / HTTP/1.1\r\n\r\n',
  '-1\r\n',
]

const plainRequest = (random: Random): string => {
  const target = pick(random, chance(random, 80) ? hotTargets : targets)
  const lines = [`GET ${target} HTTP/1.1`, 'Host: a']
  while (chance(random, 40)) lines.push(pick(random, headers))
  return `${lines.join('\r\n')}\r\n\r\n`
}

const oddRequest = (random: Random): string => {
  const line = chance(random, 50) ? pick(random, oddLines) : `GET ${pick(random, targets)} HTTP/1.1`
  const lines = [line]
  if (!chance(random, 10)) lines.push('Host: a')
  while (chance(random, 50)) lines.push(pick(random, chance(random, 60) ? oddHeaders : headers))
  const lineEnd = chance(random, 5) ? '\n' : '\r\n'
  const before = chance(random, 5) ? '\r\n' : ''
  return `${before}${lines.join(lineEnd)}${lineEnd}${lineEnd}${chance(random, 40) ? pick(random, bodies) : ''}`
}

/** A byte dropped, put in, or replaced; meaningful ones more often than not. */
export const mutate = (random: Random, text: string): string => {
  const at = random.below(text.length)
  const byte = pick(random, [
    '\r',
    '\n',
    ' ',
    ':',
    '\0',
    '\t',
    '/',
    '\xff',
    String.fromCharCode(random.below(256)),
  ])
  return pick(random, [
    () => text.slice(0, at) + text.slice(at + 1),
    () => text.slice(0, at) + byte + text.slice(at),
    () => text.slice(0, at) + byte + text.slice(at + 1),
    () => text.slice(0, at),
    () => text.slice(0, at) + text.slice(random.below(text.length)),
  ])()
}

export const cut = (random: Random, stream: Buffer): Buffer[] => {
  const pieces = chance(random, 40) ? 1 : 1 + random.below(5)
  const places = Array.from({ length: pieces - 1 }, () => random.below(stream.length + 1))
  const ordered = [0, ...places.sort((a, b) => a - b), stream.length]
  return ordered
    .slice(1)
    .map((end, i) => stream.subarray(ordered[i], end))
    .filter((piece) => piece.length > 0)
}

/** The chunks of one connection, as a server would read them. */
export const randomStream = (random: Random): Buffer[] => {
  let text = ''
  const parts = chance(random, 30) ? 1 : 1 + random.below(4)
  for (let part = 0; part < parts; part++) {
    if (chance(random, 65))
      text += plainRequest(random).repeat(1 + random.below(pick(random, [1, 3, 20])))
    else text += oddRequest(random)
  }
  if (chance(random, 30)) text = mutate(random, text)
  return cut(random, Buffer.from(text, 'latin1'))
}

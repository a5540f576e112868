// Makes streams of requests with bodies, as clients, proxies and attackers send them: one after another or
// pipelined, lengths right and wrong, bodies that look like requests. For the differential test.

import { chance, cut, mutate, oddHeaders, pick, type Random } from './hostile-streams.ts'

const methods = ['POST', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'HEAD', 'OPTIONS']
/** `turns`: of the event loop, before they are answered. */
const targets = [
  '/todos',
  '/todos',
  '/todos/abc',
  '/todos/a_B-1.~%41?x=%2F',
  '/todos?turns=1',
  '/todos/abc?turns=3',
  '/todos?limit=10',
]
const oddTargets = [
  '/big',
  '/stream',
  '/stream?turns=2',
  '/closes?turns=1',
  '/a#b',
  '/a"b',
  '//todos',
  '/a^{|}',
  '/a\\b',
  '/\x7f',
]

const bodies = [
  '',
  '',
  '{"title":"x"}',
  'GET / HTTP/1.1\r\n\r\n',
  'GET /todos?limit=10 HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /todos HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
  '0\r\n\r\n',
  '3\r\nabc\r\n0\r\n\r\n',
  '\r\n\r\n',
  '\0\xff\n\n',
]

const rightLength = (length: number) => [
  `Content-Length: ${length}`,
  `content-length: ${length}`,
  `Content-Length:${length}`,
]

const wrongLengths = (length: number) => [
  `Content-Length: ${length + 1}`,
  `Content-Length: ${length + 5}`,
  `Content-Length: ${Math.max(0, length - 1)}`,
  `Content-Length: +${length}`,
  `Content-Length: -${length}`,
  `Content-Length: 0${length}`,
  `Content-Length: 0x${length}`,
  `Content-Length: ${length}.0`,
  `Content-Length: ${length}e0`,
  `Content-Length:  ${length}`,
  `Content-Length: ${length} `,
  `Content-Length:\t${length}`,
  `Content-Length: ${length}\t`,
  `Content-Length : ${length}`,
  `Content-Length\t: ${length}`,
  `Content-Length: ${length}, ${length}`,
  `Content-Length: ${length},${length + 1}`,
  `Content-Length: ${length}\r\nContent-Length: ${length}`,
  `Content-Length: ${length}\r\ncontent-length: ${length + 1}`,
  `Content-Length: ${length}\r\n Content-Length: 0`,
  `Content-Length:\r\n ${length}`,
  'Content-Length: ',
  'Content-Length: abc',
  'Content-Length: 1 2',
  'Content-Length: 17000',
  'Content-Length: 99999999',
  'Content-Length: 18446744073709551616',
  `Content_Length: ${length}`,
  `X: a\nContent-Length: ${length}`,
  `X: a\rContent-Length: ${length}`,
  `Content-Length: ${length}\0`,
]

const codings = [
  'Transfer-Encoding: chunked',
  'transfer-encoding:chunked',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: chunked ',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding',
  'Transfer-Encoding:',
  'X: a\nTransfer-Encoding: chunked',
  '\0Transfer-Encoding: chunked',
  'Transfer-Encoding\x0b: chunked',
  'Transfer-Encoding: \x0bchunked',
]

/** What another request of the same client may have other bytes in. */
const changing = (random: Random) => [
  `X-Request-Id: ${random.below(1_000_000).toString(16)}`,
  `X-Forwarded-For: 10.0.0.${random.below(256)}`,
  `Idempotency-Key: ${random.below(1_000)}`,
  `If-Match: "${random.below(100)}"`,
]

const badBytes = ['\0', '\x01', '\x7f', '\xff', '\r', '\n', '\t', '\x0b']

const wrongFraming = (random: Random, body: string): string[] => {
  if (chance(random, 60)) return [pick(random, wrongLengths(body.length))]
  const coding = pick(random, codings)
  return chance(random, 50) ? [coding] : [coding, pick(random, rightLength(body.length))]
}

const rightFraming = (random: Random, body: string): string[] =>
  body === '' && chance(random, 60) ? [] : [pick(random, rightLength(body.length))]

/** Where a body is broken before its request is answered, it depends on the turn which of both is seen first. */
export const answeredAtOnce = (request: string) => request.replaceAll(/turns=\d/g, 'turns=0')

const randomRequest = (random: Random): string => {
  const method = pick(random, methods)
  const target = pick(random, chance(random, 92) ? targets : oddTargets)
  const body = method === 'GET' || method === 'HEAD' ? '' : pick(random, bodies)
  const isRight = chance(random, 93)
  const framing = isRight ? rightFraming(random, body) : wrongFraming(random, body)
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: a', ...framing]
  while (chance(random, 50)) lines.splice(1 + random.below(2), 0, pick(random, changing(random)))
  const isOdd = chance(random, 3)
  if (isOdd) lines.splice(1, 0, pick(random, oddHeaders))
  if (chance(random, 2)) lines.push(`X-Request-Id: a${pick(random, badBytes)}b`)
  const lineEnd = chance(random, 2) ? '\n' : '\r\n'
  const request = `${lines.join(lineEnd)}${lineEnd}${lineEnd}${body}`
  return isRight && !isOdd ? request : answeredAtOnce(request)
}

/** Byte by byte is slow, and longer streams show nothing more. */
const tornBytesMax = 400

/** The chunks of one connection, as a server would read them. */
export const randomWrites = (random: Random): Buffer[] => {
  const same = randomRequest(random)
  const requests = Array.from({ length: 1 + random.below(5) }, () =>
    chance(random, 40) ? same : randomRequest(random),
  )
  if (chance(random, 15)) {
    const one = random.below(requests.length)
    requests[one] = mutate(random, answeredAtOnce(requests[one] as string))
  }
  const bytes = requests.map((text) => Buffer.from(text, 'latin1')).filter((one) => one.length > 0)
  const all = Buffer.concat(bytes)
  if (chance(random, 70))
    return bytes.flatMap((one) => (chance(random, 70) ? [one] : cut(random, one)))
  if (all.length < tornBytesMax && chance(random, 10))
    return [...all].map((byte) => Buffer.of(byte))
  return cut(random, all)
}

// The self-test of the uWebSockets.js binary says what a client would find, fault by fault, and nothing
// else: here each is asked for again, on a socket of the test's own. True of every build.

import t from 'tap'
import { silentLog } from '../../../../testing/settings.ts'
import { createRouter } from '../../router.ts'
import { nobody, publicEndpoint } from '../../../../testing/endpoint.ts'
import { exchange, open, read, serve } from '../../../../testing/engines/harness.ts'
import { createReply, type App } from '../engine.ts'
import { officialBuild } from './load.ts'
import { selfTest } from './self-test.ts'

const app: App = {
  ready: () => undefined,
  handle: createRouter({
    ...nobody,
    endpoints: [
      publicEndpoint('GET', '/', () => createReply(200, [], 'got')),
      publicEndpoint('POST', '/', async (request) => {
        const body = await request.body(100)
        return createReply(200, [], body.kind)
      }),
    ],
    log: silentLog,
  }),
}
const post = 'POST / HTTP/1.1\r\nHost: a\r\n'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** Whether a request whose line comes in two packets is answered, wherever it is cut. */
const answersTorn = async (port: number) => {
  for (let cut = 1; cut < get.indexOf('\r'); cut++) {
    const socket = await open(port)
    socket.setNoDelay(true)
    // The first part is read by the time the request in front of it is answered.
    socket.write(get + get.slice(0, cut))
    const [first] = await read(socket)
    socket.write(get.slice(cut))
    const [second] = await read(socket)
    socket.destroy()
    if (first?.status !== 200 || second?.status !== 200) return false
  }
  return true
}

void t.test('each fault that a client finds is named, and no other', async (t) => {
  const port = await serve(t, 'uws', app)
  const lengths = await exchange(port, `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`)
  const coding = await exchange(port, `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`)
  const found = [
    !(await answersTorn(port)) && 'a request line split across packets is answered',
    lengths[0]?.status === 200 && 'two differing Content-Lengths are accepted',
    coding[0]?.status === 200 && 'Transfer-Encoding: xchunked is accepted',
  ].filter((fault) => fault !== false)
  t.comment(found.length === 0 ? 'a build without these faults' : found.join('; '))

  const line = await selfTest()
  if (found.length === 0) {
    t.equal(line, undefined)
    return
  }
  const named = /\((.*)\): do not face the internet/.exec(line ?? '')?.[1]?.split('; ') ?? []
  t.equal(named.length, found.length)
  for (const [i, fault] of found.entries()) t.ok(named[i]?.startsWith(fault), fault)
})

void t.test('what it says is one line with both ways out', async (t) => {
  const line = await selfTest()
  if (line === undefined) {
    t.pass('a build that has nothing to be said')
    return
  }
  t.notMatch(line, '\n')
  t.match(line, 'set HTTP_ENGINE=node')
  t.ok(line.includes(officialBuild), 'how to install the official build')
})

void t.test('it says the same each time, several at once too', async (t) => {
  const lines = await Promise.all([selfTest(), selfTest(), selfTest()])
  t.equal(new Set(lines).size, 1)
})

// A bound on how long a promise may take.

import { once } from 'node:events'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { NoAnswer, withTimeout } from './with-timeout.ts'

t.test('what does not answer is given up', async (t) => {
  await t.rejects(
    withTimeout(10, () => new Promise(() => {})),
    new NoAnswer('no answer within 10 ms'),
  )
  t.equal(await withTimeout(10_000, () => Promise.resolve('answer')), 'answer')
})

t.test('an answer that has arrived counts, however late the loop comes to read it', async (t) => {
  const server = new Worker(
    `const { parentPort } = require('node:worker_threads')
    require('node:net')
      .createServer((socket) => setTimeout(() => socket.end('answer'), 20))
      .listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port) })`,
    { eval: true, execArgv: [] },
  )
  t.teardown(() => server.terminate())
  const [port] = (await once(server, 'message')) as [number]
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const answer = withTimeout(100, async () => String((await once(socket, 'data'))[0]))
  const endMs = performance.now() + 300
  while (performance.now() < endMs);
  t.equal(await answer, 'answer')
})

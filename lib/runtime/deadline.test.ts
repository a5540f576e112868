// A bound on how long a promise may take.

import { once } from 'node:events'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { NoAnswer, withTimeout } from './deadline.ts'

t.test('what does not answer is given up', async (t) => {
  await t.rejects(
    withTimeout(10, () => new Promise(() => {})),
    new NoAnswer('no answer within 10 ms'),
  )
  t.equal(await withTimeout(10_000, () => Promise.resolve('answer')), 'answer')
})

t.test('an answer that has arrived counts, however late the loop comes to read it', async (t) => {
  const sent = new Int32Array(new SharedArrayBuffer(4))
  const server = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
    require('node:net')
      .createServer((socket) =>
        setTimeout(() => socket.end('answer', () => Atomics.store(workerData, 0, 1)), 20))
      .listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port) })`,
    { eval: true, execArgv: [], workerData: sent },
  )
  t.teardown(() => server.terminate())
  const [port] = (await once(server, 'message')) as [number]
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const answer = withTimeout(100, async () => String((await once(socket, 'data'))[0]))
  const endMs = performance.now() + 300
  while (performance.now() < endMs || Atomics.load(sent, 0) === 0);
  t.equal(await answer, 'answer')
})

// What a generator's threads count, read while they go on counting.

import { Worker } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { allocate, read } from './recording.cjs'

/** It sends and is answered in bursts, with a moment's rest in between, until it is ended. */
const busyThread = `
  const { workerData } = require('node:worker_threads')
  const recorder = require(workerData.file).claim(workerData.memory)
  const spin = (us) => {
    const untilMs = performance.now() + us / 1000
    while (performance.now() < untilMs);
  }
  for (;;) {
    for (let i = 0; i < 1000; i++) {
      recorder.add('sent')
      recorder.answer(200, 100, 50)
    }
    spin(50)
  }`

t.test('a reading is of one moment', async (t) => {
  const memory = allocate(1)
  const file = fileURLToPath(new URL('recording.cjs', import.meta.url))
  const worker = new Worker(busyThread, { eval: true, workerData: { file, memory } })
  t.teardown(() => worker.terminate())
  while (read(memory).completed === 0) await new Promise((resolve) => setImmediate(resolve))
  const apart = new Set<number>()
  for (let i = 0; i < 2_000; i++) {
    const { sent, completed } = read(memory)
    apart.add(sent - completed)
  }
  // One may be on its way.
  t.same(
    [...apart].filter((count) => count !== 0 && count !== 1),
    [],
  )
})

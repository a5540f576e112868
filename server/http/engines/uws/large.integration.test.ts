// Large lists pipelined without end at the uws engine: it answers, or closes, and it lives. The
// bundled build ended the process when a reply met backpressure without an abort handler.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { eventually } from '../../../../testing/eventually.ts'

t.test('it outlives clients that pipeline large lists as fast as they can', async (t) => {
  const child = fork(
    fileURLToPath(
      new URL('../../../../testing/engines/uws-slow-clients-server.ts', import.meta.url),
    ),
  )
  t.teardown(() => child.kill())
  const answer = once(child, 'message')
  child.send('how much?')
  const [{ port }] = (await answer) as [{ port: number }]
  const batch = 'GET /large HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(40)
  let bytes = 0
  let closed = 0
  const open = () => {
    const socket = connect(port, '127.0.0.1', () => socket.write(batch))
    let left = 0
    socket.on('error', () => {})
    socket.on('close', () => {
      if (++closed < 50 && child.connected) open()
    })
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      left += chunk.length
      // Before all of it has come, so that requests meet answers that are not through yet.
      if (left > 20 * 200_000) {
        left = 0
        socket.write(batch)
      }
    })
    t.teardown(() => socket.destroy())
  }
  for (let i = 0; i < 4; i++) open()
  await eventually(
    () => ({ bytes, exitCode: child.exitCode, signal: child.signalCode }),
    (seen) => seen.bytes > 1e9 || closed >= 50 || seen.exitCode !== null || seen.signal !== null,
    60_000,
  )
  t.same([child.exitCode, child.signalCode], [null, null], 'it lives')
  t.ok(bytes > 0)
})

// The watch's own reckoning of time; what clients see of it is in slow-clients.integration.test.ts.

import { Socket } from 'node:net'
import { mock } from 'node:test'
import t from 'tap'
import type { FastConnection } from './fast-path.ts'
import { watchSockets } from './socket-watch.ts'

t.test('a connection that has just come is not told that it is late', (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const late: Socket[] = []
  const watch = watchSockets({
    headersTimeoutMs: 1_000,
    requestTimeoutMs: 1_000,
    keepAliveTimeoutMs: 1_000,
    writeStallTimeoutMs: 1_000,
  })
  t.teardown(() => watch.stop())
  mock.timers.tick(999)
  const socket = new Socket()
  const connection: FastConnection = {
    socket,
    waitsFor: () => 'first-request',
    requests: () => 0,
    closeIfIdle() {},
    timeOut: () => void late.push(socket),
  }
  watch.add(socket)
  watch.own(socket, connection)
  mock.timers.tick(1)
  t.same(late, [], 'a millisecond old')
  mock.timers.tick(1_000)
  t.same(late, [socket])
  t.end()
})

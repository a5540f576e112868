// A broker at an IPv6 address, which kafkajs cuts at its colons: it is reached all the same.

import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { silentLog } from '../../../testing/settings.ts'
import { withAdmin } from './client.ts'

t.test('brokers at IPv6 addresses are reached', async (t) => {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '::1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const settings = { brokers: `[::1]:${port},[0:0:0:0:0:0:0:1]:${port}`, topic: 'todos' }
  await t.rejects(
    withAdmin(settings, silentLog, 500, (admin) => admin.listTopics()),
    'it is no broker',
  )
  t.ok(connections > 0)
})

// The primary's listening sockets: one port for all or one for each, on every family of addresses, and
// refused to a second server, though SO_REUSEPORT would share them.

import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { freePort } from '../../scripts/stack/ports.ts'
import { testConfig } from '../../testing/settings.ts'
import { httpPortOf, openListeningSockets, type BoundSocket } from './listening-sockets.ts'

const openFor = async (t: Test, env: NodeJS.ProcessEnv) => {
  const sockets = await openListeningSockets(
    httpPortOf(testConfig({ HTTP_HOST: '127.0.0.1', HTTP_PORT: '0', HTTP_PROCESSES: '2', ...env })),
  )
  t.teardown(sockets.close)
  return sockets
}

const accepts = async (socket: BoundSocket | undefined, host: string) => {
  const server = createServer()
  await once(server.listen(socket), 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect(port, host)
  await Promise.all([once(client, 'connect'), once(server, 'connection')])
  client.destroy()
  server.close()
  return port
}

for (const [host, from] of [
  ['127.0.0.1', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::1', '::1'],
  ['::', '::1'],
  ['::', '127.0.0.1'],
  ['localhost', 'localhost'],
] as const) {
  void t.test(`on ${host}, for who connects to ${from}`, async (t) => {
    const sockets = await openFor(t, { HTTP_HOST: host })
    const [port] = sockets.ports
    t.same(sockets.ports, [port], 'one port for all')
    t.equal(await accepts(sockets.of(0)[0], from), port)
    t.equal(await accepts(sockets.of(1).at(-1), from), port)
    sockets.replace(0)
    t.equal(await accepts(sockets.of(0)[0], from), port, 'after the process has died')
    for (const HTTP_ENGINE of ['node', 'uws']) {
      await t.rejects(openFor(t, { HTTP_HOST: host, HTTP_PORT: String(port), HTTP_ENGINE }), {
        message: `port ${port} is in use: stop what listens there, or set HTTP_PORT to another`,
      })
    }
    sockets.close()
    t.same((await openFor(t, { HTTP_HOST: host, HTTP_PORT: String(port) })).ports, [port])
  })
}

void t.test('a port for each process', async (t) => {
  const first = await freePort()
  const env = { HTTP_PORT: String(first), HTTP_PORT_PER_PROCESS: 'true' }
  const sockets = await openFor(t, env)
  t.same(sockets.ports, [first, first + 1])
  t.equal(await accepts(sockets.of(1)[0], '127.0.0.1'), first + 1)
  await t.rejects(openFor(t, { HTTP_PORT: String(first + 1) }), { message: /is in use/ })
})

void t.test('uws opens sockets itself, and the port is held for it', async (t) => {
  const sockets = await openFor(t, { HTTP_ENGINE: 'uws' })
  t.same(sockets.of(0), [])
  await t.rejects(openFor(t, { HTTP_PORT: String(sockets.portOf(0)) }), { message: /is in use/ })
})

void t.test('an address that is not of this machine is named', async (t) => {
  await t.rejects(openFor(t, { HTTP_HOST: '192.0.2.1', HTTP_PORT: '8080' }), {
    message:
      /^can't listen on 192\.0\.2\.1:8080 \(.*EADDRNOTAVAIL.*\): set HTTP_HOST and HTTP_PORT$/,
  })
  await t.rejects(openFor(t, { HTTP_HOST: 'no-such-host.invalid' }), {
    message: /^can't listen on no-such-host\.invalid:0 \(.*\): set HTTP_HOST and HTTP_PORT$/,
  })
})

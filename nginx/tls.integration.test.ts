// TLS at either load balancer: what they agree to, and that answers, pipelined requests and gRPC's
// HTTP/2 come through it as they do without.

import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createReply, type App } from '../server/http/engines/engine.ts'
import { createAuthority } from '../scripts/stack/certificates.ts'
import { startNginx, type NginxMode } from '../scripts/stack/nginx.ts'
import { loopback } from '../scripts/stack/ports.ts'
import { read, serve } from '../testing/engines/harness.ts'
import { eventually } from '../testing/eventually.ts'
import { orSkip, testDirectory } from '../testing/services.ts'
import { checkTlsVersions, isResumed, openTls } from '../testing/tls-client.ts'

const app: App = {
  ready: () => undefined,
  handle: (request) =>
    Promise.resolve(
      createReply(200, [], request.header('x-forwarded-proto') ?? 'nobody said how it came'),
    ),
}

const setUp = async (t: Test, mode: NginxMode) => {
  const authority = await createAuthority(await testDirectory(t), 'authority')
  const tls = await authority.issue('nginx')
  const upstreams = [`${loopback}:${await serve(t, 'node', app)}`]
  const directory = await testDirectory(t)
  const nginx = await orSkip(t, () => startNginx({ directory, mode, upstreams, tls }))
  if (!nginx) return undefined
  t.teardown(() => nginx.stop())
  return { nginx, directory, authority, ca: await readFile(authority.certFile) }
}

const get = 'GET /todos HTTP/1.1\r\nHost: a\r\n\r\n'

for (const mode of ['http', 'stream'] as const) {
  void t.test(mode, async (t) => {
    const system = await setUp(t, mode)
    if (!system) return
    const { nginx, directory, authority, ca } = system

    await t.test('versions and ciphers', (t) => checkTlsVersions(t, nginx.port, ca))

    await t.test('pipelined requests are answered', async (t) => {
      const count = 64
      const socket = await openTls(nginx.port, { ca })
      socket.write(get.repeat(count))
      const answers = await read(socket, { count })
      socket.destroy()
      const body = mode === 'http' ? 'https' : 'nobody said how it came'
      t.same(new Set(answers.map((one) => `${one.status} ${one.body}`)), new Set([`200 ${body}`]))
      t.equal(answers.length, count)
    })

    await t.test('a client of gRPC is offered HTTP/2', async (t) => {
      const socket = await openTls(nginx.grpcPort, { ca, ALPNProtocols: ['h2'] })
      t.equal(socket.alpnProtocol, 'h2')
      socket.destroy()
    })

    await t.test('sessions are resumed', async (t) => {
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const options = { ca, minVersion: version, maxVersion: version }
        t.ok(await isResumed({ port: nginx.port, request: get }, options), version)
      }
    })

    await t.test('a renewed certificate is served after SIGHUP', async (t) => {
      const serialOf = async () => {
        const socket = await openTls(nginx.port, { ca })
        const serial = socket.getPeerX509Certificate()?.serialNumber
        socket.destroy()
        return serial
      }
      const before = await serialOf()
      const { certFile, keyFile } = await authority.issue('renewed')
      await copyFile(certFile, join(directory, 'tls.crt'))
      await copyFile(keyFile, join(directory, 'tls.key'))
      nginx.kill('SIGHUP')
      await eventually(serialOf, (serial) => serial !== before)
      t.pass()
    })
  })
}

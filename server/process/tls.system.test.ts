// A server that speaks HTTPS as an operator meets it: two processes resume each other's sessions, and a
// renewed certificate is served after SIGHUP, with no request lost.

import { once } from 'node:events'
import { copyFile, readFile } from 'node:fs/promises'
import { request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { connect, TLSSocket } from 'node:tls'
import t from 'tap'
import { createAuthority } from '../../scripts/stack/certificates.ts'
import { loopback } from '../../scripts/stack/ports.ts'
import { startServer } from '../../scripts/stack/processes.ts'
import { eventually } from '../../testing/eventually.ts'
import { testDatabase, testDirectory, testTopic } from '../../testing/services.ts'
import { testSecret } from '../../testing/settings.ts'

/** Enough for the kernel to deal some to each of two processes. */
const connections = 20

void t.test('two processes, and a certificate that is renewed', async (t) => {
  const directory = await testDirectory(t)
  const authority = await createAuthority(directory, 'authority')
  const [old, renewed] = [await authority.issue('old'), await authority.issue('renewed')]
  const [HTTP_TLS_CERT_FILE, HTTP_TLS_KEY_FILE] = [join(directory, 'crt'), join(directory, 'key')]
  const install = async ({ certFile, keyFile }: typeof old) => {
    await copyFile(certFile, HTTP_TLS_CERT_FILE)
    await copyFile(keyFile, HTTP_TLS_KEY_FILE)
  }
  await install(old)
  const DATABASE_URL = await testDatabase(t)
  const server = await startServer({
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    JWT_SECRET: testSecret,
    HTTP_HOST: loopback,
    HTTP_PORT: '0',
    HTTP_PROCESSES: '2',
    KAFKA_TODO_TOPIC: testTopic(),
    DATABASE_URL,
    HTTP_TLS_CERT_FILE,
    HTTP_TLS_KEY_FILE,
  })
  t.teardown(async () => {
    server.process.kill('SIGKILL')
    await server.exited
  })
  const { port } = server
  const ca = await readFile(authority.certFile)

  const get = async () => {
    const sent = request({ host: loopback, port, path: '/todos?limit=10', ca, agent: false })
    sent.end()
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    const { socket } = answer
    if (!(socket instanceof TLSSocket)) throw new Error('it is not encrypted')
    const { subject } = socket.getPeerCertificate()
    answer.resume()
    await once(answer, 'end')
    return { status: answer.statusCode, name: subject.CN }
  }
  t.same(await get(), { status: 200, name: 'old' })

  const options = { host: loopback, port, ca, maxVersion: 'TLSv1.2' } as const
  const first = connect(options)
  await once(first, 'secureConnect')
  const session = first.getSession()
  first.destroy()
  for (let i = 0; i < connections; i++) {
    const socket = connect({ ...options, ...(session && { session }) })
    await once(socket, 'secureConnect')
    t.ok(socket.isSessionReused())
    socket.destroy()
  }

  await install(renewed)
  server.process.kill('SIGHUP')
  await eventually(
    async () => {
      const answer = await get()
      t.equal(answer.status, 200)
      return server.output().includes('rolling restart done') ? answer.name : undefined
    },
    (name) => name === 'renewed',
    60_000,
  )

  await copyFile(old.keyFile, HTTP_TLS_KEY_FILE)
  server.process.kill('SIGHUP')
  await eventually(
    () => Promise.resolve(server.output()),
    (output) =>
      output.includes('rolling restart aborted') &&
      output.includes('HTTP_TLS_KEY_FILE is not the key of HTTP_TLS_CERT_FILE'),
    60_000,
  )
  t.same(await get(), { status: 200, name: 'renewed' }, 'what runs goes on')
})

// The port with TLS: gRPC over HTTP/2 and Connect over HTTP/1.1, chosen by ALPN, and nobody without.

import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { credentials } from '@grpc/grpc-js'
import t from 'tap'
import { createAuthority } from '../../scripts/stack/certificates.ts'
import { grpcClient, loopback, serveGrpc } from '../../testing/grpc.ts'
import { testDirectory } from '../../testing/services.ts'
import { readConfig } from '../../lib/runtime/config/config.ts'
import { testSecret } from '../../testing/settings.ts'
import { createReply } from '../http/engines/engine.ts'

const rpc = 'todos.v1.TodoService/ListTodos'

void t.test('with a certificate', async (t) => {
  const authority = await createAuthority(await testDirectory(t), 'authority')
  const issued = await authority.issue('grpc')
  const ca = await readFile(authority.certFile)
  const tls = { cert: await readFile(issued.certFile), key: await readFile(issued.keyFile) }
  const { port } = await serveGrpc(t, () => createReply(200, [], '[]'), { tls })

  const trusting = grpcClient(t, port, credentials.createSsl(ca))
  t.match(await trusting(rpc, { limit: 1 }), { kind: 'ok' })
  t.match(await grpcClient(t, port)(rpc, { limit: 1 }), { kind: 'error' }, 'not without TLS')

  const headers = { 'content-type': 'application/json' }
  const sent = request({ host: loopback, port, path: `/${rpc}`, method: 'POST', headers, ca })
  sent.end('{"limit":1}')
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  answer.resume()
  t.equal(answer.statusCode, 200, 'Connect over HTTP/1.1')
  t.equal(answer.httpVersion, '1.1')

  const settings = { JWT_SECRET: testSecret, GRPC_PORT: '0', GRPC_TLS_CERT_FILE: issued.certFile }
  t.throws(() => readConfig(settings, 'server'), /^GRPC_TLS_KEY_FILE is not set/)
  const another = await authority.issue('another')
  t.throws(
    () => readConfig({ ...settings, GRPC_TLS_KEY_FILE: another.keyFile }, 'server'),
    /^GRPC_TLS_KEY_FILE is not the key of GRPC_TLS_CERT_FILE/,
  )
})

// An engine in a process of its own, for hostile-pipelines.integration.test.ts: what a client sends must not
// end it. `GET /N` is answered with N bytes, from a ready reply.

import { freePort } from '../../scripts/stack/ports.ts'
import { createReady, createReply } from '../../server/http/engines/engine.ts'
import { bodyOf } from './small-answers.ts'
import { createEngine, patientSettings, type EngineName } from './harness.ts'

const [name, certFile, keyFile] = process.argv.slice(2)
const tls = certFile && keyFile ? { certFile, keyFile, ticketKeys: undefined } : undefined

const readyOf = new Map<string, ReturnType<typeof createReady>>()
const made = (target: string) => {
  const length = Number(target.slice(1))
  const ready = createReady(createReply(200, ['ETag', `"${length}"`], bodyOf(length)))
  readyOf.set(target, ready)
  return ready
}
const engine = await createEngine(
  name as EngineName,
  {
    ready: (target) => () => readyOf.get(target) ?? made(target),
    handle: () => createReply(404, [], ''),
  },
  { ...patientSettings, tls },
)
const port = await freePort()
await engine.listen('127.0.0.1', port)
process.send?.(port)

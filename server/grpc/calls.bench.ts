// npm run bench:grpc: what one unary call costs the server's processor, beside @grpc/grpc-js, which
// decodes the message and answers. Each server is a process of its own, and the same client calls both.

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServiceDefinition,
} from '@grpc/grpc-js'
import { runProgram } from '../../bench/command.ts'
import { freePort } from '../../scripts/stack/ports.ts'
import { contract, definitions, loopback, method, patientListener } from '../../testing/grpc.ts'
import { createReply } from '../http/engines/engine.ts'
import { createGrpcHandler } from './handler.ts'
import { createGrpcListener } from './listener.ts'

const usage = `usage: npm run bench:grpc
Measures what a unary call costs the server: ours, transcoded to an endpoint that does nothing, and
@grpc/grpc-js, which does nothing. In turns, under a minute; there are no options.`

const rounds = 3
const secondsEach = 3
const warmUpMs = 1_000
/** Calls in flight, on one connection. */
const concurrency = 32
const rpc = 'todos.v1.TodoService/ReadTodo'
const todo = {
  id: 'kT5bJb9jQmWv3rVbQm1XqQ-0000000042',
  title: 'Buy milk',
  description: 'Two litres',
  completed: false,
  user_id: 'ann',
}
const times = { created_at: '2026-01-31T12:00:00.000Z', updated_at: '2026-01-31T12:00:00.000Z' }
const seconds = { seconds: 1_769_860_800, nanos: 0 }

const servers = {
  async ours(port: number) {
    const json = JSON.stringify({ ...todo, ...times })
    const handle = () => createReply(200, ['ETag', '"1"'], json)
    const never = new AbortController().signal
    const bounds = { messageBytesMax: 65_536, subscriptionsMax: 100, reconnectSpreadMs: 0 }
    const handler = createGrpcHandler(contract, handle, bounds, never)
    await createGrpcListener(patientListener, handler).listen(loopback, port)
  },
  async 'grpc-js'(port: number) {
    const server = new Server()
    const answer = { todo: { ...todo, created_at: seconds, updated_at: seconds }, etag: '"1"' }
    server.addService(definitions['todos.v1.TodoService'] as ServiceDefinition, {
      ReadTodo: (_: unknown, done: sendUnaryData<unknown>) => done(null, answer),
    })
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`${loopback}:${port}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      )
    })
  },
} as const
type Name = keyof typeof servers

type Cpu = { readonly user: number; readonly system: number }

/** The server's processor time so far, in microseconds. */
const cpuOf = async (server: ChildProcess): Promise<number> => {
  server.send('cpu')
  const [{ user, system }] = (await once(server, 'message')) as [Cpu]
  return user + system
}

const measure = async (name: Name) => {
  const port = await freePort()
  const server = fork(new URL(import.meta.url), [name, String(port)], { execArgv: [] })
  await once(server, 'message')
  const client = new Client(`${loopback}:${port}`, credentials.createInsecure())
  const { path, requestSerialize, responseDeserialize } = method(rpc)
  const call = () =>
    new Promise<void>((resolve, reject) => {
      const message = { id: todo.id }
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, (error) =>
        error ? reject(error) : resolve(),
      )
    })
  const run = async (forMs: number) => {
    const endMs = performance.now() + forMs
    let calls = 0
    const one = async () => {
      for (; performance.now() < endMs; calls++) await call()
    }
    await Promise.all(Array.from({ length: concurrency }, one))
    return calls
  }
  try {
    await run(warmUpMs)
    const before = await cpuOf(server)
    const calls = await run(secondsEach * 1_000)
    return { calls: calls / secondsEach, cpuUs: ((await cpuOf(server)) - before) / calls }
  } finally {
    client.close()
    server.kill()
  }
}

const serveAs = async (name: Name, port: number) => {
  process.on('message', () => process.send?.(process.cpuUsage()))
  process.on('disconnect', () => process.exit())
  await servers[name](port)
  process.send?.('ready')
}

const main = async (): Promise<number> => {
  console.log('server    calls a second   CPU a call, us')
  for (let round = 0; round < rounds; round++) {
    for (const name of ['ours', 'grpc-js'] as const) {
      const { calls, cpuUs } = await measure(name)
      console.log(
        `${name.padEnd(10)}${calls.toFixed(0).padStart(14)}${cpuUs.toFixed(1).padStart(17)}`,
      )
    }
  }
  return 0
}

const parse = (args: readonly string[]): undefined => {
  if (args.length > 0) throw new Error(`there is no option "${args.join(' ')}"`)
}

const [name, port] = process.argv.slice(2)
if (process.send && name !== undefined && Object.hasOwn(servers, name))
  await serveAs(name as Name, Number(port))
else await runProgram({ usage, parse, main })

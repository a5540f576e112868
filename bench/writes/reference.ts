// The peer of bench/peers/reference/, a Go server with a worker, on services of its own that are the same
// as ours: Postgres, Kafka and Redis. Go is no need of ours: without it the peer is left out.

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSigner } from 'fast-jwt'
import { startKafka } from '../../scripts/stack/kafka.ts'
import { makeTopic, recordsIn } from '../../scripts/stack/kafka-topic.ts'
import { startRedis } from '../../scripts/stack/redis.ts'
import { findProgram } from '../../scripts/stack/service.ts'
import { makeTemporaryDirectory } from '../../scripts/stack/temporary-directory.ts'
import { connectOracle, startTodosDatabase } from '../../scripts/stack/todos-database.ts'
import { runProgram, startPeer } from '../engines/programs.ts'
import { coresHere, type Tier } from '../target.ts'
import type { System } from './system.ts'

const source = fileURLToPath(new URL('../peers/reference/', import.meta.url))
/** Where Go's own installer puts it, which is seldom on the path. */
const goFolder = '/usr/local/go/bin'
const secret = 'for benchmarks on loopback alone, 32+ bytes'
const tokenTtlMs = 86_400_000
const topic = 'reference-commands'
/** Counting its rows costs its database what applying one does. */
const appliedPollMs = 500

export const findGo = (): string | undefined => findProgram('go') ?? installedGo()

const installedGo = (): string | undefined => {
  const program = join(goFolder, 'go')
  return existsSync(program) ? program : undefined
}

/** Compiles it into `directory`; throws why it can't be, in one line. */
export const buildReference = async (
  go: string | undefined,
  { directory, signal }: { readonly directory: string; readonly signal: AbortSignal },
): Promise<string> => {
  if (go === undefined) throw new Error('there is no Go on this machine (go.dev/dl)')
  const program = join(directory, 'reference')
  try {
    await runProgram(go, ['build', '-mod=readonly', '-o', program, '.'], { cwd: source, signal })
    return program
  } catch (error) {
    signal.throwIfAborted()
    const last = (error as Error).message.trim().split('\n').at(-1) ?? ''
    throw new Error(`go build in bench/peers/reference failed: ${last}`, { cause: error })
  }
}

export const startReference = async (
  program: string,
  options: { readonly partitions: number; readonly signal: AbortSignal },
): Promise<System> => {
  const directory = await makeTemporaryDirectory()
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })]
  const stop = async () => {
    for (const one of stops.splice(0).toReversed()) await one()
  }
  const keep = <T extends { stop(): Promise<void> }>(one: T): T => {
    stops.push(() => one.stop())
    options.signal.throwIfAborted()
    return one
  }
  try {
    const database = keep(
      await startTodosDatabase({ directory: join(directory, 'postgres'), todos: 0 }),
    )
    const redis = keep(await startRedis({ directory: join(directory, 'redis') }))
    const broker = keep(await startKafka({ directory: join(directory, 'kafka') }))
    const log = { brokers: broker.url, topic }
    await makeTopic(log, options.partitions)
    const role = (name: 'server' | 'worker', settings: Readonly<Record<string, string>>) => {
      const all = { role: name, brokers: broker.url, topic, ...settings }
      return startPeer(
        program,
        Object.entries(all).map(([setting, value]) => `-${setting}=${value}`),
      )
    }
    const worker = keep(
      await role('worker', { database: database.url, redis: new URL(redis.url).host }),
    )
    const server = keep(await role('server', { secret }))
    const oracle = connectOracle(database.url)
    stops.push(() => oracle.close())
    const tier = (name: Tier, pid: number) => [name, { pids: [pid], coresMax: coresHere }] as const
    return {
      name: 'reference',
      port: server.port,
      token: createSigner({ key: secret, expiresIn: tokenTtlMs })({ sub: 'bench' }),
      tiers: new Map([
        tier('server', server.pid),
        tier('redis', redis.pid),
        tier('broker', broker.pid),
        tier('worker', worker.pid),
        tier('database', database.pid),
      ]),
      applied: () => oracle.count(),
      appliedPollMs,
      rows: () => oracle.count(),
      deadLetters: () => Promise.resolve(0),
      logged: () => recordsIn(log),
      handled: () => Promise.resolve(null),
      stop,
    }
  } catch (error) {
    await stop()
    options.signal.throwIfAborted()
    throw error
  }
}

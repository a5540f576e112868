// npm run bench:limits: what one decision of a rate limit costs, from Redis, from Postgres and from
// nobody, one at a time and many at once. Each from the code that a server runs, on loopback.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from '../../bench/command.ts'
import { startRedis } from '../../scripts/stack/redis.ts'
import { ServiceMissing, type Service } from '../../scripts/stack/service.ts'
import { makeTemporaryDirectory } from '../../scripts/stack/temporary-directory.ts'
import { startTodosDatabase } from '../../scripts/stack/todos-database.ts'
import { openDatabases } from '../drivers/postgres/databases.ts'
import { openRedis } from '../drivers/redis/connections.ts'
import { createLog } from '../runtime/log.ts'
import { createLimiter, type Backend, type Limiter } from './failover.ts'
import type { Policy } from './policy.ts'
import { createPostgresLimitStore } from './postgres.ts'
import { createRedisLimitStore } from './redis.ts'

const usage = `usage: npm run bench:limits
Measures what a decision of a rate limit costs: from Redis where it is installed, from Postgres and
from nobody, one at a time and many at once. Under a minute; there are no options.`

const secondsEach = 2
const concurrencies = [1, 32]
/** Spread over so many clients. */
const clients = 1_000
/** Nothing is cut off here: what takes long is to be seen. */
const timeoutMs = 10_000
const silentLog = createLog('bench', 'silent')

const policies: Policy[] = [
  { name: 'token-bucket', algorithm: 'token-bucket', limit: 100, windowSec: 10 },
  { name: 'sliding-window', algorithm: 'sliding-window', limit: 1_000, windowSec: 3_600 },
]

const measure = async (limiter: Limiter, policy: Policy, concurrency: number) => {
  const latenciesUs: number[] = []
  let next = 0
  const run = async (forMs: number, keep: boolean) => {
    const endMs = performance.now() + forMs
    const one = async () => {
      for (let startMs = performance.now(); startMs < endMs;) {
        await limiter.take(policy, `client-${next++ % clients}`)
        const nowMs = performance.now()
        if (keep) latenciesUs.push((nowMs - startMs) * 1_000)
        startMs = nowMs
      }
    }
    await Promise.all(Array.from({ length: concurrency }, one))
  }
  await run(500, false)
  await run(secondsEach * 1_000, true)
  latenciesUs.sort((a, b) => a - b)
  const at = (share: number) =>
    (latenciesUs[Math.floor(share * (latenciesUs.length - 1))] ?? NaN) / 1_000
  return { p50: at(0.5), p99: at(0.99), perSecond: latenciesUs.length / secondsEach }
}

const main = async (_options: undefined, signal: AbortSignal): Promise<number> => {
  const directory = await makeTemporaryDirectory()
  const services: Service[] = []
  const limiters: Limiter[] = []
  try {
    const backends: (Backend | undefined)[] = [undefined]
    const postgres = await startTodosDatabase({ directory: join(directory, 'postgres'), todos: 0 })
    services.push(postgres)
    const store = createPostgresLimitStore(openDatabases({ url: postgres.url }), { timeoutMs })
    backends.unshift({ name: 'postgres', store })
    try {
      const redis = await startRedis({ directory: join(directory, 'redis') })
      services.push(redis)
      backends.unshift({
        name: 'redis',
        store: createRedisLimitStore(openRedis(redis.url, silentLog), timeoutMs),
      })
    } catch (error) {
      if (!(error instanceof ServiceMissing)) throw error
      console.log(error.message)
    }
    console.log('decided by  algorithm       at once    p50 ms    p99 ms  decisions/s')
    for (const backend of backends) {
      const limiter = createLimiter(backend ? [backend] : [], policies, silentLog)
      limiters.push(limiter)
      await limiter.open()
      for (const policy of policies) {
        for (const concurrency of concurrencies) {
          signal.throwIfAborted()
          const { p50, p99, perSecond } = await measure(limiter, policy, concurrency)
          console.log(
            [
              (backend?.name ?? 'nobody').padEnd(11),
              policy.name.padEnd(14),
              String(concurrency).padStart(8),
              p50.toFixed(3).padStart(9),
              p99.toFixed(3).padStart(9),
              Math.round(perSecond).toLocaleString('en').padStart(12),
            ].join(' '),
          )
        }
      }
    }
  } finally {
    for (const limiter of limiters) await limiter.close()
    for (const service of services) await service.stop()
    await rm(directory, { recursive: true, force: true })
  }
  return 0
}

const parse = (args: readonly string[]): undefined => {
  if (args.length > 0) throw new Error(`there is no option "${args.join(' ')}"`)
}

await runProgram({ usage, parse, main })

// The stores that count limits are made unavailable to a running server under steady load, silenced or
// made useless, and given back. Every request is answered. Limits hold wherever a store counts; when
// none does, all requests pass.

import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { migrate } from '../../lib/drivers/postgres/migrate.ts'
import { restartable } from '../restartable.ts'
import { migrationsDirectory } from '../../scripts/paths.ts'
import { failOverRedis, redisRefusals } from '../hurt-redis.ts'
import { startServer } from '../../scripts/stack/processes.ts'
import { scrape } from '../../scripts/stack/scrape.ts'
import { startPostgres } from '../../scripts/stack/postgres.ts'
import { startRedis } from '../../scripts/stack/redis.ts'
import { eventually } from '../eventually.ts'
import { orSkip } from '../services.ts'
import { testSecret } from '../settings.ts'

const limit = 30
const processes = 2

t.test('limits while Redis and Postgres come and go, under load', async (t) => {
  const redis = await orSkip(t, () => restartable(t, startRedis))
  if (!redis) return
  const postgres = await restartable(t, (options) => startPostgres({ ...options, durable: false }))
  await migrate(postgres.directUrl(), migrationsDirectory)
  const server = await startServer({
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    LIST_CACHE: 'redis',
    COMMAND_LOG: 'postgres',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    LOG_LEVEL: 'silent',
    HTTP_PROCESSES: String(processes),
    JWT_SECRET: testSecret,
    TRUSTED_PROXIES: '127.0.0.1',
    LIMIT_ADDRESS_BURST: String(limit),
    LIMIT_ADDRESS_REFILL_SEC: '86400',
    // A loaded machine is not an unavailable store.
    LIMIT_TIMEOUT_MS: '5000',
  })
  t.teardown(() => server.stop())

  let addresses = 0
  const newAddress = () => {
    addresses++
    return `10.${addresses >> 16}.${(addresses >> 8) & 255}.${addresses & 255}`
  }
  const ping = async (address: string) => {
    const headers = { 'X-Forwarded-For': address, Connection: 'close' }
    const response = await fetch(`http://127.0.0.1:${server.port}/ping`, { headers })
    await response.arrayBuffer()
    return response.status
  }

  const statuses = new Map<number, number>()
  let loaded = true
  const load = Promise.all(
    Array.from({ length: 8 }, async () => {
      while (loaded) {
        const status = await ping(newAddress())
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        await delay(5)
      }
    }),
  )

  /** Of 60 from one address, 10 at once, those that pass. */
  const passed = async () => {
    const address = newAddress()
    let count = 0
    for (let round = 0; round < 6; round++) {
      const asked = await Promise.all(Array.from({ length: 10 }, () => ping(address)))
      count += asked.filter((status) => status === 200).length
    }
    return count
  }
  const away = (store: string, count: number) =>
    eventually(
      async () =>
        (await scrape(server.metricsPort)).total('todos_limit_store_unavailable', { store }),
      (seen) => seen === count,
      60_000,
    )

  t.equal(await passed(), limit)
  for (const { name, begin, end } of [
    { name: 'redis frozen', begin: redis.freeze, end: redis.thaw },
    { name: 'redis killed', begin: redis.takeAway, end: redis.giveBack },
    ...redisRefusals.map((one) => ({
      name: one.name,
      begin: () => one.begin(redis),
      end: () => one.end(redis),
    })),
  ]) {
    await begin()
    await away('redis', processes)
    t.equal(await passed(), limit, `${name}: Postgres counts`)
    await end()
    await away('redis', 0)
    t.equal(await passed(), limit, 'Redis counts again')
  }

  for (const [name, hurt] of [
    ['silent on open connections', redis.gate.silence],
    ['failed over while connections stay', () => failOverRedis(redis)],
  ] as const) {
    await hurt()
    // Whoever counts: nobody asks twice, so a limit that holds again is counted in one place.
    await eventually(passed, (count) => count === limit)
    t.pass(`redis ${name}: limits hold again`)
    redis.gate.endSilent()
  }

  await redis.takeAway()
  await postgres.takeAway()
  await away('redis', processes)
  await away('postgres', processes)
  t.equal(await passed(), 60, 'nobody counts: all pass')
  await postgres.giveBack()
  await away('postgres', 0)
  t.equal(await passed(), limit, 'Postgres counts again')
  await redis.giveBack()
  await away('redis', 0)
  t.equal(await passed(), limit, 'Redis counts again')

  loaded = false
  await load
  t.same([...statuses.keys()], [200], `${statuses.get(200)} others, each answered`)
})

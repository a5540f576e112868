// What clients see while masters of Redis move, on the whole system: a crash, a freeze, a failover by hand,
// slots that are moved under load, a node that is added. Prints a row for each fault. Lists are checked
// against Postgres, answer by answer.

import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { scrape } from '../../scripts/stack/scrape.ts'
import type { RedisNode } from '../../scripts/stack/redis-nodes.ts'
import { eventually } from '../eventually.ts'
import { ownCluster, ownSentinels } from '../redis-topologies.ts'
import { testDatabase, testTopic } from '../services.ts'
import { testSecret } from '../settings.ts'

/** Of lists, after there is a new master. */
const freshAgainMaxMs = 5_000
/** While changes are not noticed, lists are polled once a second, and a poll takes its time. */
const ageMaxMs = 5_000
/** A list that lags so far behind Postgres is not fresh. */
const freshMaxMs = 1_000
/** Before or after a list that is not, /ready and the gauge must tell: each answer is of another process. */
const toldWithinMs = 1_500
const settleMs = 7_000
const limit = 30
const token = signToken(testSecret, 'ann', 36_000)

type Row = Readonly<Record<string, string | number>>

type Fault = {
  readonly name: string
  /** Resolves when there is a new master. */
  begin(): Promise<void>
  end?(): Promise<void>
}

const startSystem = async (t: Test, redisUrl: string) => {
  const databaseUrl = await testDatabase(t)
  const environment = {
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'redis',
    DATABASE_URL: databaseUrl,
    KAFKA_TODO_TOPIC: testTopic(),
    KAFKA_PARTITIONS: '1',
    JWT_SECRET: testSecret,
    HTTP_PROCESSES: '2',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    REDIS_URL: redisUrl,
    LOG_LEVEL: 'info',
    TRUSTED_PROXIES: '127.0.0.1',
    LIMIT_ADDRESS_BURST: String(limit),
    LIMIT_ADDRESS_REFILL_SEC: '86400',
  }
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())
  const sql = postgres(databaseUrl, { max: 2 })
  t.teardown(() => sql.end())
  return { server, worker, sql }
}

let addresses = 0
/** On a connection of its own: any process of the server may answer. */
const ask = (port: number, method: string, path: string, address?: string, body?: string) =>
  new Promise<{ status: number; text: string }>((resolve, reject) => {
    addresses++
    const from =
      address ?? `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`
    const headers = {
      'X-Forwarded-For': from,
      ...(body !== undefined && {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
      }),
    }
    const asked = request({ host: '127.0.0.1', port, method, path, headers, agent: false })
    asked.on('error', reject)
    asked.setTimeout(10_000, () => asked.destroy(new Error(`no answer to ${path}`)))
    asked.on('response', (response) => {
      let text = ''
      response.on('data', (data: Buffer) => (text += data.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    asked.end(body)
  })

const watchSystem = ({ server, sql }: Awaited<ReturnType<typeof startSystem>>) => {
  let closed = false
  let written = 0
  /** When each todo was seen in Postgres first, by its number. */
  const appliedAtMs: number[] = [0]
  const seen = {
    lists: 0,
    wrong: [] as string[],
    oldestMs: 0,
    badAtMs: 0,
    degraded: 0,
    readies: 0,
    staleMaxSec: 0,
    /** When a list was not fresh, when /ready said so, and when the gauge did. */
    old: [] as number[],
    saidByReady: [] as number[],
    saidByGauge: [] as number[],
  }
  const limits = { address: '', passed: 0, refused: 0 }
  const loop = async (everyMs: number, work: () => Promise<void>) => {
    while (!closed) {
      await work().catch((error: Error) => void seen.wrong.push(error.message))
      await delay(everyMs)
    }
  }
  const running = Promise.all([
    loop(50, async () => {
      const body = JSON.stringify({ title: `todo ${written + 1}` })
      const { status, text } = await ask(server.port, 'POST', '/todos', undefined, body)
      if (status === 202) written++
      else seen.wrong.push(`POST ${status} ${text}`)
    }),
    loop(5, async () => {
      const [row] = await sql`SELECT count(*)::int AS count FROM todos`
      const count = row?.['count'] as number
      while (appliedAtMs.length <= count) appliedAtMs.push(performance.now())
    }),
    loop(20, async () => {
      const atMs = performance.now()
      const { status, text } = await ask(server.port, 'GET', '/todos?limit=10')
      if (status !== 200) return void seen.wrong.push(`GET ${status} ${text}`)
      const numbers = (JSON.parse(text) as { title: string }[]).map(({ title }) =>
        Number(title.slice('todo '.length)),
      )
      const [newest = 0] = numbers
      if (numbers.some((one, i) => one !== newest - i)) seen.wrong.push(`order ${numbers.join()}`)
      const missingSinceMs = appliedAtMs[newest + 1] ?? Infinity
      const ageMs = Math.max(0, atMs - missingSinceMs)
      seen.lists++
      seen.oldestMs = Math.max(seen.oldestMs, ageMs)
      if (ageMs > ageMaxMs) seen.wrong.push(`a list that is ${Math.round(ageMs)} ms old`)
      if (ageMs <= freshMaxMs) return
      seen.badAtMs = atMs
      seen.old.push(atMs)
    }),
    loop(50, async () => {
      const { status, text } = await ask(server.port, 'GET', '/ready')
      const { dependencies } = JSON.parse(text) as { dependencies: Record<string, string> }
      if (status !== 200) seen.wrong.push(`/ready ${status} ${text}`)
      seen.readies++
      if (dependencies['lists'] === 'ok') return
      seen.degraded++
      seen.badAtMs = performance.now()
      seen.saidByReady.push(performance.now())
    }),
    loop(100, async () => {
      const { samples } = await scrape(server.metricsPort)
      const stale = samples.filter(({ name }) => name === 'todos_list_stale_seconds')
      const staleSec = Math.max(0, ...stale.map(({ value }) => value))
      seen.staleMaxSec = Math.max(seen.staleMaxSec, staleSec)
      if (staleSec > 0) seen.saidByGauge.push(performance.now())
    }),
    loop(20, async () => {
      if (limits.address === '') return
      const { status } = await ask(server.port, 'GET', '/ping', limits.address)
      if (status === 200) limits.passed++
      else if (status === 429) limits.refused++
      else seen.wrong.push(`/ping ${status}`)
    }),
  ])
  return {
    seen,
    limits,
    async close() {
      closed = true
      await running
    },
  }
}

const drill = async (t: Test, redisUrl: string, faults: readonly Fault[]) => {
  const system = await startSystem(t, redisUrl)
  const { server } = system
  await eventually(
    () => ask(server.port, 'GET', '/ready').catch(() => ({ text: '' })),
    ({ text }) => text.includes('"status":"ready"'),
  )
  const watched = watchSystem(system)
  t.teardown(watched.close)
  const { seen, limits } = watched
  const rows: Row[] = []
  await delay(1_000)
  for (const [i, { name, begin, end }] of faults.entries()) {
    const before = { ...seen, wrong: seen.wrong.length }
    seen.oldestMs = 0
    seen.staleMaxSec = 0
    seen.old = []
    Object.assign(limits, { address: `192.168.0.${i + 1}`, passed: 0, refused: 0 })
    await eventually(
      () => limits.refused,
      (count) => count > 0,
    )
    const beganMs = performance.now()
    await begin()
    const masterMs = performance.now()
    await delay(settleMs)
    await end?.()
    if (end) await delay(settleMs)
    const wrong = [
      ...seen.wrong.slice(before.wrong),
      ...untold(seen.old, seen.saidByReady, 'by /ready'),
      ...untold(seen.old, seen.saidByGauge, 'by todos_list_stale_seconds'),
    ]
    const isBad = seen.badAtMs > beganMs
    const freshAgainMs = isBad ? Math.max(0, seen.badAtMs - masterMs) : 0
    rows.push({
      fault: name,
      'new master, s': seconds(masterMs - beganMs),
      'not fresh, s': isBad ? seconds(seen.badAtMs - beganMs) : 0,
      'of it with the new master, s': seconds(freshAgainMs),
      'oldest list, s': seconds(seen.oldestMs),
      'stale gauge, s': Number(seen.staleMaxSec.toFixed(1)),
      'lists asked': seen.lists - before.lists,
      '/ready degraded': `${seen.degraded - before.degraded} of ${seen.readies - before.readies}`,
      [`passed of ${limit}`]: limits.passed,
      wrong: wrong.length,
    })
    t.same(wrong, [], `${name}: no wrong answer`)
    // Its end is a fault of its own: a master that comes back and is none any more.
    if (!end) t.ok(freshAgainMs < freshAgainMaxMs, `${name}: fresh ${freshAgainMs} ms after`)
    // Counts that a lost master took along, and those that Postgres began meanwhile.
    t.ok(limits.passed <= 4 * limit, `${name}: ${limits.passed} passed of ${limit}`)
    t.match((await ask(server.port, 'GET', '/ready')).text, '"lists":"ok"', `${name}: ready again`)
  }
  await watched.close()
  console.table(rows)
  const lines = server.output().split('\n')
  t.ok(
    lines.some((line) => line.includes('"redis masters"')),
    'a log line names the masters',
  )
}

/** Lists that were not fresh, and nobody said so. */
const untold = (old: readonly number[], said: readonly number[], by: string): string[] => {
  const count = old.filter((at) => !said.some((one) => Math.abs(one - at) < toldWithinMs)).length
  return count === 0 ? [] : [`${count} lists were not fresh, and it was not said ${by}`]
}

const seconds = (ms: number) => Number((ms / 1_000).toFixed(1))

/** After the master has changed. */
const anotherThan = (master: () => Promise<RedisNode>, old: RedisNode) =>
  eventually(
    () => master().catch(() => old),
    (one) => one !== old,
  )

/** Of whichever server is the master. `again`: how one that was killed comes back. */
const faultsOf = (master: () => Promise<RedisNode>, again: string): readonly Fault[] => {
  let old: RedisNode | undefined
  return [
    {
      name: `the master is killed, and ${again}`,
      async begin() {
        old = await master()
        await old.kill()
        await anotherThan(master, old)
      },
      end: async () => old?.startAgain(),
    },
    {
      name: 'the master freezes, and thaws',
      async begin() {
        old = await master()
        old.freeze()
        await anotherThan(master, old)
      },
      end: async () => old?.thaw(),
    },
  ]
}

void t.test('Sentinels', async (t) => {
  const redis = await ownSentinels(t)
  if (!redis) return
  const { master, masterName, sentinels } = redis
  await drill(t, redis.url, [
    {
      name: 'SENTINEL FAILOVER',
      async begin() {
        const old = await master()
        await sentinels[1]?.command(`SENTINEL FAILOVER ${masterName}`)
        await anotherThan(master, old)
      },
    },
    ...faultsOf(master, 'started again empty'),
    {
      name: 'every Sentinel is killed, and started again',
      async begin() {
        for (const one of sentinels) await one.kill()
      },
      async end() {
        for (const one of sentinels) await one.startAgain()
      },
    },
  ])
})

void t.test('a cluster', async (t) => {
  const redis = await ownCluster(t)
  if (!redis) return
  const key = '{todos}:version'
  const master = () => redis.masterOf(key)
  const other = async () => {
    const all = await Promise.all(['a', 'b', 'c'].map(redis.masterOf))
    const from = await master()
    return all.find((one) => one !== from) as RedisNode
  }
  const idOf = async (node: RedisNode) =>
    (await node.command('CLUSTER MYID')).split('\r\n')[1] ?? ''
  await drill(t, redis.url, [
    {
      name: 'CLUSTER FAILOVER',
      async begin() {
        const old = await master()
        const [replica] = await redis.replicasOf(old)
        await replica?.command('CLUSTER FAILOVER')
        await anotherThan(master, old)
      },
    },
    ...faultsOf(master, 'started again'),
    {
      name: "the lists' slot moves, for three seconds",
      async begin() {
        const move = await redis.beginMove(key, await other())
        await delay(3_000)
        await move.finish()
      },
    },
    {
      name: 'a node is added, and takes 2,000 slots with those of the lists',
      async begin() {
        const [from, to] = [await master(), await redis.addNode()]
        const reshard =
          `--cluster reshard 127.0.0.1:${to.port} --cluster-yes --cluster-slots 2000 ` +
          `--cluster-from ${await idOf(from)} --cluster-to ${await idOf(to)}`
        await promisify(execFile)('redis-cli', reshard.split(' '))
        if ((await master()) === from) await (await redis.beginMove(key, to)).finish()
      },
    },
  ])
})

// `npm run doctor` on a machine with five things wrong, and on a sound one.

import { createServer, type AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { ownSentinels } from '../testing/redis-topologies.ts'
import { ownRedis, testDatabase, testKafka, testTopic } from '../testing/services.ts'
import { examine } from './doctor.ts'
import { findingLine } from './doctor/finding.ts'
import { checkMachine } from './doctor/machine.ts'
import { startServer } from './stack/processes.ts'
import { testConfig } from '../testing/settings.ts'

const secret = 'a secret of at least thirty-two bytes'
const free = { METRICS_PORT: 'off', WORKER_METRICS_PORT: 'off', HTTP_PORT: '0' }

const linesOf = async (env: NodeJS.ProcessEnv) => (await examine(env)).map(findingLine)

const occupiedPort = async (t: Test): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

t.test('five things wrong are five lines, and no secret is in them', async (t) => {
  const port = await occupiedPort(t)
  const lines = await linesOf({
    ...free,
    JWT_SECRET: 'hunter2',
    DB_POOLSIZE: '50',
    HTTP_PORT: String(port),
    DATABASE_URL: 'postgres://ann:hunter2@127.0.0.1:1/todos',
    REDIS_URL: 'redis://:hunter2@127.0.0.1:1/0',
    COMMAND_LOG: 'postgres',
  })
  const faults = lines.filter((line) => line.startsWith('fault'))
  t.equal(faults.length, 5, faults.join('\n'))
  for (const [index, expected] of [
    /settings +JWT_SECRET is 7 bytes long: set it to a secret/,
    /settings +DB_POOLSIZE is not a setting: did you mean DB_POOL_SIZE\?/,
    new RegExp(`ports +HTTP_PORT ${port} is in use.*: stop what listens there`),
    /postgres +postgres:\/\/ann@127\.0\.0\.1:1\/todos does not answer \(.+\): start it/,
    /redis +redis:\/\/127\.0\.0\.1:1 does not answer \(.+\): start it/,
  ].entries()) {
    t.match(faults[index], expected)
  }
  t.notMatch(lines.join('\n'), 'hunter2')
})

t.test('a Postgres that refuses is told from one that is down', async (t) => {
  const url = new URL(await testDatabase(t))
  url.pathname = '/none'
  const lines = await linesOf({
    ...free,
    JWT_SECRET: secret,
    DATABASE_URL: url.href,
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
  })
  t.match(
    lines.filter((line) => line.startsWith('fault')),
    [/^fault +postgres +\S+\/none refuses \(.*does not exist.*\): set DATABASE_URL/],
  )
})

t.test('a replica that is none is a fault, and so is one that is down', async (t) => {
  const url = await testDatabase(t)
  const lines = await linesOf({
    ...free,
    JWT_SECRET: secret,
    DATABASE_URL: url,
    DATABASE_REPLICA_URLS: `${url},postgres://ann:hunter2@127.0.0.1:1/todos`,
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
  })
  t.match(
    lines.filter((line) => line.startsWith('fault')),
    [
      /postgres +the replica \S+ is left out \(it is no replica: .*\): docs\/how-to\/read-replicas\.md/,
      /postgres +the replica 127\.0\.0\.1:1 is left out \(.*ECONNREFUSED.*\): /,
    ],
  )
  t.notMatch(lines.join('\n'), 'hunter2')
})

t.test('a server that runs already is no fault', async (t) => {
  const environment = {
    JWT_SECRET: secret,
    DATABASE_URL: await testDatabase(t),
    KAFKA_TODO_TOPIC: testTopic(),
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    HTTP_PROCESSES: '1',
    HTTP_HOST: '127.0.0.1',
  }
  const server = await startServer({ ...environment, HTTP_PORT: '0' })
  t.teardown(() => server.stop())
  const lines = await linesOf({
    ...environment,
    HTTP_PORT: String(server.port),
    METRICS_PORT: String(server.metricsPort),
    WORKER_METRICS_PORT: 'off',
  })
  t.same(
    lines.filter((line) => line.startsWith('fault')),
    [],
  )
  t.match(
    lines.filter((line) => line.includes(' ports ')),
    [
      /^warn +ports +HTTP_PORT \d+ is in use by a server/,
      /^warn +ports +METRICS_PORT \d+ is in use by a server/,
    ],
  )
})

t.test('a sound system has no fault', async (t) => {
  const [url, redis, brokers] = [await testDatabase(t), await ownRedis(t), await testKafka(t)]
  if (redis === undefined || brokers === undefined) return
  const lines = await linesOf({
    ...free,
    JWT_SECRET: secret,
    DATABASE_URL: url,
    REDIS_URL: redis.url,
    KAFKA_BROKERS: brokers,
    KAFKA_TODO_TOPIC: testTopic(),
  })
  t.same(
    lines.filter((line) => line.startsWith('fault')),
    [],
  )
  for (const expected of [
    /^ok +settings +all are valid$/m,
    /^ok +postgres +.* takes writes$/m,
    /^ok +postgres +its tables are there/m,
    /^ok +redis +version \d/m,
    /^ok +redis +this user may read, write/m,
    /^ok +kafka +.* answers$/m,
    /^warn +kafka +there is no topic .*: the first start/m,
  ]) {
    t.match(lines.join('\n'), expected)
  }
})

t.test('rights that a user of Redis lacks are named', async (t) => {
  const redis = await ownRedis(t)
  if (redis === undefined) return
  const client = new Redis(redis.url)
  t.teardown(() => client.disconnect())
  await client.call('ACL', 'SETUSER', 'ann', 'on', '>hunter2', '~*', '&*', '+@all', '-eval', '-set')
  const lines = await linesOf({
    ...free,
    JWT_SECRET: secret,
    DATABASE_URL: await testDatabase(t),
    REDIS_URL: redis.url.replace('redis://', 'redis://ann:hunter2@'),
    COMMAND_LOG: 'postgres',
  })
  const faults = lines.filter((line) => line.startsWith('fault'))
  t.equal(faults.length, 1, faults.join('\n'))
  t.match(faults[0], /it refuses SET \(NOPERM\), EVAL \(NOPERM\): give the user of REDIS_URL/)
})

t.test('what this machine lacks', async (t) => {
  const config = testConfig({ HTTP_PROCESSES: '8', HTTP_CONNECTIONS_MAX: '50000' })
  const machine = { nodeVersion: '20.20.2', cores: 2, filesMax: 1_024, backlogMax: 128 }
  const lines = checkMachine(config, machine).map(findingLine)
  for (const expected of [
    /^fault +machine +Node 20\.20\.2 is too old: /m,
    /^warn +machine +HTTP_PROCESSES is 8 on 2 cores: set it to 2 or less$/m,
    /^warn +machine +a process may open 1024 files, .* needs 6506: raise it \(ulimit -n 6506\)/m,
    /^warn +machine +the kernel caps HTTP_BACKLOG \(4096\) at 128: sysctl/m,
  ]) {
    t.match(lines.join('\n'), expected)
  }
})

t.test('Sentinels: the master that they name, or what is wrong with the URL', async (t) => {
  const redis = await ownSentinels(t)
  if (redis === undefined) return
  const lookAt = async (redisUrl: string) => {
    const findings = await examine({
      JWT_SECRET: secret,
      ...free,
      DATABASE_URL: 'postgres://127.0.0.1:1/todos',
      COMMAND_LOG: 'postgres',
      LIST_CACHE: 'redis',
      REDIS_URL: redisUrl,
    })
    return findings.map(({ found }) => found).join('\n')
  }
  t.match(await lookAt(redis.url), `masters: 127.0.0.1:${(await redis.master()).port}`)
  t.match(await lookAt(redis.url.replace('/todos', '/nobody')), /set the path of REDIS_URL to/)
  const [node] = redis.nodes
  t.match(await lookAt(`redis+cluster://127.0.0.1:${node?.port}`), /set REDIS_URL to redis:/)
  t.match(await lookAt(`redis+sentinel://127.0.0.1:${node?.port}/x`), /on port 26379/)
  for (const one of redis.sentinels) await one.command('ACL SETUSER default resetpass >hunter2')
  t.match(await lookAt(redis.url), /set sentinelUsername and sentinelPassword/)
  t.match(await lookAt(`${redis.url}?sentinelPassword=hunter2`), /masters: /)
})

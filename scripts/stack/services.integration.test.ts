// Every launcher against the real program. It answers, is killed with -9, and comes back on the same
// directory with what it had acknowledged. It stops without leaving a process behind.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createConnection, type AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { startKafka } from './kafka.ts'
import { startNginx } from './nginx.ts'
import { startPostgres } from './postgres.ts'
import { startRedis } from './redis.ts'
import { freePort, type Service } from './service.ts'
import { orSkip, testDirectory } from '../../testing/services.ts'

t.test('postgres keeps a committed row over kill -9, and refuses a second starter', async (t) => {
  const directory = await testDirectory(t)
  const first = await startOrSkip(t, () => startPostgres({ directory, durable: false }))
  if (!first) return
  const { port } = first
  const sql = postgres(first.url, { max: 1 })
  await sql`CREATE TABLE kept (word text)`
  await sql`INSERT INTO kept VALUES ('row')`

  await t.rejects(startPostgres({ directory }), {
    name: 'DataDirectoryInUse',
    message:
      `${directory} is in use by another Postgres (pid ${first.pid}): ` +
      `stop the other one, or kill ${first.pid} if its starter was killed`,
  })

  first.kill('SIGKILL')
  t.equal(await first.exited, 'SIGKILL')
  await sql.end({ timeout: 1 })
  const second = await startPostgres({ directory, port, durable: false })
  t.teardown(() => second.stop())
  t.equal(second.url, first.url)

  process.kill(second.pid, 'SIGKILL') // the first process only: the others notice by themselves
  await second.exited
  const third = await startPostgres({ directory, port, durable: false })
  t.teardown(() => third.stop())
  const again = postgres(third.url, { max: 1 })
  t.same([...(await again`SELECT word FROM kept`)], [{ word: 'row' }])

  await third.stop() // with a client still connected
  await again.end({ timeout: 1 })
  await third.stop()
  t.same(processesOf(directory), [])
})

t.test('postgres commits durably unless told otherwise, and only listens here', async (t) => {
  const directory = await testDirectory(t)
  const service = await startOrSkip(t, () => startPostgres({ directory }))
  if (!service) return
  const sql = postgres(service.url, { max: 1 })
  const settings = {
    fsync: 'on',
    synchronous_commit: 'on',
    listen_addresses: '127.0.0.1',
    max_connections: '100',
    server_encoding: 'UTF8',
  }
  for (const [name, value] of Object.entries(settings)) {
    t.same([...(await sql`SELECT current_setting(${name}) AS value`)], [{ value }], name)
  }
  await sql.end()
})

t.test('redis answers, freezes, and comes back empty on the same port', async (t) => {
  const directory = await testDirectory(t)
  const first = await startOrSkip(t, () => startRedis({ directory }))
  if (!first) return
  const client = new Redis(first.url)
  client.on('error', () => {})
  await client.set('word', 'cached')
  first.kill('SIGKILL')
  await first.exited
  const second = await startRedis({ directory, port: first.port })
  t.teardown(() => second.stop())
  await once(client, 'ready')
  t.equal(await client.get('word'), null)
  client.disconnect()

  second.kill('SIGSTOP')
  await second.stop()
  t.equal(await second.exited, 'exit code 0', 'a frozen one is thawed to stop in order')
  t.same(processesOf(`:${first.port}`), [])
})

t.test('kafka keeps an acknowledged message over kill -9', async (t) => {
  const directory = await testDirectory(t)
  const first = await startOrSkip(t, () => startKafka({ directory }))
  if (!first) return
  const kafka = new Kafka({ brokers: [first.url], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'words', numPartitions: 2 }] })
  await admin.disconnect()
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  await producer.send({ topic: 'words', acks: -1, messages: [{ key: 'k', value: 'message' }] })
  await producer.disconnect()

  first.kill('SIGKILL')
  await first.exited
  const second = await startKafka({ directory, port: first.port })
  t.teardown(() => second.stop())
  const consumer = kafka.consumer({ groupId: 'readers' })
  await consumer.connect()
  await consumer.subscribe({ topic: 'words', fromBeginning: true })
  const read = await new Promise<string | undefined>((resolve, reject) => {
    const eachMessage = async ({ message }: { message: { value: Buffer | null } }) =>
      resolve(message.value?.toString())
    consumer.run({ eachMessage }).catch(reject)
  })
  t.equal(read, 'message')
  await consumer.disconnect()
  await second.stop()
  t.same(processesOf(directory), [])
})

t.test('nginx passes requests on, at L7 and at L4', async (t) => {
  const upstream = createServer((request, response) => {
    const { connection, host, 'x-forwarded-for': client, 'x-request-id': id } = request.headers
    response.end([request.url, connection, client, typeof id, host].join(' '))
  })
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => upstream.close())
  const upstreams = [`127.0.0.1:${(upstream.address() as AddressInfo).port}`]
  for (const [mode, answerAt] of [
    ['http', (port: number) => `/path  127.0.0.1 string 127.0.0.1:${port}`],
    ['stream', (port: number) => `/path keep-alive  undefined 127.0.0.1:${port}`],
  ] as const) {
    await t.test(mode, async (t) => {
      const directory = await testDirectory(t)
      const first = await startOrSkip(t, () => startNginx({ directory, upstreams, mode }))
      if (!first) return
      const url = `http://127.0.0.1:${first.port}/path`
      const answer = answerAt(first.port)
      t.equal(await (await fetch(url)).text(), answer)
      if (mode === 'http') {
        const headers = { 'X-Forwarded-For': '6.6.6.6' }
        t.equal(await (await fetch(url, { headers })).text(), answer, 'the address is the real one')
      }
      process.kill(first.pid, 'SIGKILL') // the master only: its workers must not live on
      await first.exited
      const second = await startNginx({ directory, port: first.port, upstreams, mode })
      t.teardown(() => second.stop())
      t.equal(await (await fetch(url)).text(), answer)
      t.equal((await pipelined(first.port, 80)).length, 80)
      await second.stop()
      t.same(processesOf(directory), [])
    })
  }
})

/** Stopped when the test ends, whatever happens in it. */
const startOrSkip = (t: Test, start: () => Promise<Service>): Promise<Service | undefined> =>
  orSkip(t, async () => {
    const service = await start()
    t.teardown(() => service.stop())
    return service
  })

/** The processes that name `text` in their command line. */
const processesOf = (text: string): string[] =>
  execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(text))

/** The status lines that answer `count` requests sent in one write. */
const pipelined = async (port: number, count: number): Promise<string[]> => {
  const socket = createConnection({ port, host: '127.0.0.1' })
  const request = (rest: string) => `GET / HTTP/1.1\r\nHost: here\r\n${rest}\r\n`
  socket.write(request('').repeat(count - 1) + request('Connection: close\r\n'))
  let received = ''
  for await (const chunk of socket) received += String(chunk)
  return received.match(/HTTP\/1\.1 200/g) ?? []
}

t.test('a service that cannot start says why, with the end of its log', async (t) => {
  const directory = await testDirectory(t)
  const redis = await startOrSkip(t, () => startRedis({ directory }))
  if (!redis) return
  await t.rejects(startNginx({ directory, upstreams: ['not a host'], mode: 'http' }), {
    message: /nginx-http ended at once \(exit code 1\); the end of .*\n.*invalid parameter "a"/,
  })
  const port = await freePort()
  const taken = createServer().listen(port, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  await t.rejects(startRedis({ directory, port }), {
    message: `redis cannot listen on port ${port}: another process has it`,
  })
})

// Processes are killed and replaced under watchers while todos are written: each watcher hears each event
// once and in order. Redis loses its connections, and is restarted. Both engines, on one real stack; with
// STACK=embedded on that. In CI 200 watch; `npm run test:live` has 2,000 of each engine, one after the other.

import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createAuthClient, loggedIn, startAuthServer } from '../auth-client.ts'
import { engineNames, type EngineName } from '../engines/harness.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { startSubscriber, type Subscriber } from '../live/subscribers.ts'
import type { Heard } from '../live/tally.ts'
import { restartable, type RestartableService } from '../restartable.ts'
import { orSkip, testKafka, testStacks } from '../services.ts'
import { forksOf, startServer, startWorker, type Running } from '../../scripts/stack/processes.ts'
import { ask, loopback } from '../../scripts/stack/ports.ts'
import { startRedis } from '../../scripts/stack/redis.ts'

/** Of each engine. */
const subscriberCount = Number(process.env['SUBSCRIBERS'] ?? 100)
/** Kills, then rolling restarts. */
const rounds = Number(process.env['ROUNDS'] ?? 1)
/** Between two writes to a channel, once one is acknowledged. */
const writePauseMs = 50
/** All engines at once share the services and cost the least time; many subscribers want the cores alone. */
const groups: readonly (readonly EngineName[])[] =
  subscriberCount > 500 ? engineNames.map((engine) => [engine]) : [engineNames]

type Channel = {
  readonly name: string
  /** Where its todos are made. */
  readonly path: string
  readonly heard: Heard
}

const stackOf = async (t: Test) => {
  const embedded = await testStacks['embedded']?.(t)
  if (process.env['STACK'] === 'embedded') return { settings: embedded ?? {}, redis: undefined }
  const redis = await orSkip(t, () => restartable(t, startRedis))
  const brokers = await testKafka(t)
  if (!redis || !brokers) return undefined
  const mail = { SMTP_URL: 'smtp://127.0.0.1:9', MAIL_FROM: 'todos@example.com' }
  const stores = { REDIS_URL: redis.url, KAFKA_BROKERS: brokers }
  return { redis, settings: { COMMAND_LOG: 'kafka', LIST_CACHE: 'redis', ...stores, ...mail } }
}

for (const engines of groups) {
  void t.test(`${subscriberCount} watchers of ${engines.join(' and of ')}`, async (t) => {
    const stack = await stackOf(t)
    if (!stack) return
    const { server: first, env } = await startAuthServer(t, {
      ...stack.settings,
      HTTP_ENGINE: engines[0] as string,
      HTTP_PROCESSES: '2',
      LOG_LEVEL: 'info',
      LIVE_RECONNECT_SPREAD_MS: '500',
      LIVE_SOCKETS_PER_ADDRESS_MAX: '10000',
    })
    const servers = [first]
    const worker = await startWorker(env)
    t.teardown(() => worker.stop())
    for (const engine of engines.slice(1)) {
      const server = await startServer({ ...env, HTTP_ENGINE: engine })
      t.teardown(() => server.stop())
      servers.push(server)
    }

    const client = createAuthClient(first.port)
    const { accessToken } = await loggedIn(client, 'ann@x.y')
    const team = await client.send('POST', '/api/teams', accessToken, { name: 'one' })
    const teamId = team.member('id')
    const channels: readonly Channel[] = [
      { name: 'todos', path: '/todos', heard: new Map() },
      { name: 'mine', path: '/api/todos', heard: new Map() },
      { name: `team:${teamId}`, path: `/api/teams/${teamId}/todos`, heard: new Map() },
    ]
    const subscribers = servers.flatMap(({ port }) =>
      Array.from({ length: subscriberCount }, (_, i) => {
        const { name, heard } = channels[i % channels.length] as Channel
        return startSubscriber({ port, channel: name, token: accessToken, heard })
      }),
    )
    t.teardown(() => subscribers.forEach((one) => one.stop()))
    const allWatch = () =>
      eventually(
        () => subscribers.filter((one) => !one.isSubscribed()).length,
        (missing) => missing === 0,
        startTimeoutMs,
      )
    await allWatch()

    /** What was acknowledged, by channel. */
    const written = new Map(channels.map(({ name }) => [name, [] as string[]]))
    const writers = startWriters(first.port, accessToken, channels, written)
    const allHeard = async () => {
      for (const { name, heard } of channels)
        await eventually(
          () => unheard(written.get(name) ?? [], heard).length,
          (count) => count === 0,
        )
      for (const { name } of channels)
        await eventually(
          () => new Set(positionsOf(subscribers, name)).size,
          (count) => count === 1,
        )
    }

    for (let round = 1; round <= rounds; round++) {
      await Promise.all(servers.map(killOne))
      await allWatch()
    }
    for (let round = 1; round <= rounds; round++) {
      await Promise.all(servers.map((server) => rollingRestart(server, round)))
      await allWatch()
    }
    if (stack.redis) {
      await send(stack.redis, 'CLIENT KILL TYPE pubsub')
      await delay(500)
      await allWatch()
    }
    await writers.pause()
    await allHeard()
    report(t, engines, subscribers, written)
    for (const { name, heard } of channels) {
      const { size } = heard
      const counts = subscribers.filter((one) => one.channel === name).map(eventCount)
      t.same(new Set(counts), new Set([size]), `${name}: each heard each of ${size} events`)
    }
    t.same(total(subscribers), { lost: 0, doubled: 0, gaps: 0, different: 0 })
    const codes = new Set(subscribers.flatMap((one) => one.closes))
    t.same([...codes].sort(), [1006, 1012], 'killed, or told to come back')

    if (stack.redis) {
      writers.resume()
      await stack.redis.takeAway()
      await stack.redis.giveBack()
      // Who heard of the new epoch is told to read anew, and hears what comes.
      await eventually(
        () => subscribers.filter(({ tally }) => tally.gaps === 0).length,
        (count) => count === 0,
        startTimeoutMs,
      )
      await allWatch()
      for (const one of written.values()) one.length = 0
      await eventually(
        () => [...written.values()].every((one) => one.length > 0),
        (isSo) => isSo,
      )
      await writers.pause()
      await allHeard()
      report(t, engines, subscribers, written)
      t.match(
        total(subscribers),
        { lost: 0, doubled: 0, different: 0 },
        'after a gap each hears on',
      )
    }
  })
}

/** Writes to each channel at a steady rate, one after the other. */
const startWriters = (
  port: number,
  token: string,
  channels: readonly Channel[],
  written: ReadonlyMap<string, string[]>,
) => {
  let isPaused = false
  const init: RequestInit = {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      prefer: 'respond-async',
    },
    body: JSON.stringify({ title: 'a todo' }),
  }
  const write = async ({ name, path }: Channel) => {
    while (!isPaused) {
      // What is not acknowledged may be written all the same: it is in no list of ours.
      const id = await fetch(`http://${loopback}:${port}${path}`, init).then(
        async (answer) =>
          answer.status === 202 ? ((await answer.json()) as { id: string }).id : '',
        () => '',
      )
      if (id !== '') written.get(name)?.push(id)
      await delay(writePauseMs)
    }
  }
  let running = channels.map(write)
  return {
    async pause() {
      isPaused = true
      await Promise.all(running)
    },
    resume() {
      isPaused = false
      running = channels.map(write)
    },
  }
}

const killOne = async (server: Running) => {
  const [victim] = forksOf(server)
  if (victim === undefined) throw new Error('no process to kill')
  process.kill(victim, 'SIGKILL')
  await eventually(
    () => forksOf(server),
    (pids) => pids.length === 2 && !pids.includes(victim),
    startTimeoutMs,
  )
}

const rollingRestart = async (server: Running, round: number) => {
  server.process.kill('SIGHUP')
  await eventually(
    () => server.output().split('rolling restart done').length - 1,
    (count) => count === round,
    startTimeoutMs,
  )
}

const send = async (redis: RestartableService, command: string) => {
  const answer = await ask(redis.directPort(), `${command}\r\n`)
  if (answer.startsWith('-')) throw new Error(`redis: ${command}: ${answer}`)
}

const unheard = (ids: readonly string[], heard: Heard): string[] => {
  const all = new Set([...heard.values()].map((one) => one.split(' ', 1)[0]))
  return ids.filter((id) => !all.has(id))
}
const positionsOf = (subscribers: readonly Subscriber[], channel: string): string[] =>
  subscribers.filter((one) => one.channel === channel).map(({ tally }) => JSON.stringify(tally.at))
const eventCount = ({ tally }: Subscriber): number => tally.events

const total = (subscribers: readonly Subscriber[]) => {
  const sum = { lost: 0, doubled: 0, gaps: 0, different: 0 }
  for (const { tally } of subscribers)
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += tally[name]
  return sum
}

const report = (
  t: Test,
  engines: readonly string[],
  subscribers: readonly Subscriber[],
  written: ReadonlyMap<string, readonly string[]>,
) => {
  const { lost, doubled, gaps, different } = total(subscribers)
  const deliveries = subscribers.reduce((sum, { tally }) => sum + tally.events, 0)
  const connections = subscribers.reduce((sum, one) => sum + one.connections(), 0)
  const writes = [...written.values()].reduce((sum, ids) => sum + ids.length, 0)
  t.comment(
    `${engines.join(' and ')}: ${subscribers.length} watchers, ${writes} writes, ${deliveries} events heard, ` +
      `${connections} connections; lost ${lost}, doubled ${doubled}, of another content ${different}, gaps ${gaps}`,
  )
}

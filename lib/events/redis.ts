// Events in Redis: a script appends to a channel's stream and publishes in the same step, and each server
// process has one connection on which what it listens to arrives. Signals are published, and no more.

import { randomBytes } from 'node:crypto'
import { keptEvents, type ChannelName } from '../domain/event.ts'
import type { RedisClient } from '../drivers/redis/client.ts'
import type { Redis } from '../drivers/redis/connection.ts'
import type { RedisConnections } from '../drivers/redis/connections.ts'
import type { Script } from '../drivers/redis/scripts.ts'
import { linesOf, partsByChannel, type Chunk } from './chunk.ts'
import { channelIdleSec, missedBytesMax, type EventAppender, type EventReader } from './events.ts'
import { appendScript, readScript } from './redis-scripts.ts'
import { createSignalListeners } from './signal-listeners.ts'
import { createSubscriber } from './redis-subscriber.ts'
import { createWatchedChannels, type KeptEvents } from './watched-channels.ts'

const appendTimeoutMs = 2_000
const readTimeoutMs = 1_000
const epochBytes = 12
/** Keys that one step of a reset looks at. */
const scannedAtOnce = 1_000

const start = '{events:'
const nameOf = (channel: ChannelName) => `${start}${channel}}`
const keysOf = (channel: ChannelName) =>
  [`${nameOf(channel)}:state`, `${nameOf(channel)}:stream`] as const
/** Signals have a name of their own: whoever only hears events does not pay for them. */
const now = ':now'
const signalNameOf = (channel: ChannelName) => `${nameOf(channel)}${now}`
/** For what concerns every channel. */
const everyChannel = '{events}:every'

const newEpoch = () => randomBytes(epochBytes).toString('base64url')

type Values = readonly (string | number)[]
type Run = { readonly channel: ChannelName; readonly values: Values }

/** One script for several channels, in one write to each master. */
const runForEach = async (client: RedisClient, script: Script, runs: readonly Run[]) => {
  const epoch = newEpoch()
  const outcomes = await client.evaluateAll(
    runs.map(({ channel, values }) => ({
      script,
      keys: keysOf(channel),
      values: [epoch, channelIdleSec, ...values],
    })),
  )
  return outcomes.map((outcome) => {
    if (!outcome.isDone) throw outcome.error
    return outcome.reply
  })
}

/** Of a scan: from `cursor` on; where it goes on. */
const unlinkSome = async (redis: Redis, cursor: string): Promise<string> => {
  const [next, keys] = await redis.scan(cursor, 'MATCH', `${start}*`, 'COUNT', scannedAtOnce)
  // One by one: in a cluster they are in different slots.
  const pipeline = redis.pipeline()
  for (const key of keys) pipeline.unlink(key)
  for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error
  return next
}

export const createRedisEventAppender = (redis: RedisConnections): EventAppender => {
  const client = redis.connect({ timeoutMs: appendTimeoutMs })
  return {
    async append(batches) {
      const runs = [...partsByChannel(batches)].map(([channel, parts]) => {
        const values: (string | number)[] = [keptEvents, nameOf(channel)]
        for (const { source = '', number, count, bodies } of parts) {
          const isWhole = bodies.length === count ? 1 : 0
          values.push(source, number, count, isWhole, linesOf(bodies))
        }
        return { channel, values }
      })
      if (runs.length > 0) await runForEach(client, appendScript, runs)
    },
    async reset() {
      let cursors = new Map<string, string>()
      const isDone = () => cursors.size > 0 && [...cursors.values()].every((one) => one === '0')
      while (!isDone()) {
        const next = new Map<string, string>()
        // A step on each master: that is what the client's bound is for.
        await client.onEachMaster('events', async (redis, tag) => {
          const cursor = cursors.get(tag)
          next.set(tag, cursor === '0' ? cursor : await unlinkSome(redis, cursor ?? '0'))
        })
        cursors = next
      }
      await client.run(everyChannel, (redis) => redis.publish(everyChannel, ''))
    },
    prune: () => Promise.resolve(), // they expire
    close() {
      client.close()
      return Promise.resolve()
    },
  }
}

export const createRedisEventReader = (redis: RedisConnections): EventReader => {
  const reading = redis.connect({ timeoutMs: readTimeoutMs })
  const channels = createWatchedChannels({
    subscribe: (channel) => subscriber.subscribe(nameOf(channel)),
    unsubscribe: (channel) => subscriber.unsubscribe(nameOf(channel)),
    async read(wanted) {
      const runs = wanted.map(({ channel, after = '' }) => ({
        channel,
        values: [after, missedBytesMax],
      }))
      const answers = await runForEach(reading, readScript, runs)
      return answers.map((answer) => keptOf(answer as string[]))
    },
  })
  const signals = createSignalListeners()
  const subscriber = createSubscriber({
    redis,
    reading,
    names: () => [
      everyChannel,
      ...channels.names().map(nameOf),
      ...signals.names().map(signalNameOf),
    ],
    onMessage(name, message) {
      if (name === everyChannel) channels.catchUp()
      else if (name.endsWith(now))
        signals.hear(name.slice(start.length, -1 - now.length) as ChannelName, message)
      else push(name.slice(start.length, -1) as ChannelName, message)
    },
    onProven: channels.catchUp,
  })

  const push = (channel: ChannelName, message: string) => {
    const head = message.slice(0, message.indexOf('\n'))
    const [epoch = '', last] = head.split(' ')
    const chunk = { last: Number(last), lines: message.slice(head.length + 1) }
    if (Number.isSafeInteger(chunk.last)) channels.push(channel, epoch, chunk)
  }

  return {
    join(...how) {
      const fault = subscriber.fault()
      return fault === undefined ? channels.join(...how) : Promise.reject(new Error(fault))
    },
    async listen(channel, onSignal) {
      const fault = subscriber.fault()
      if (fault !== undefined) throw new Error(fault)
      const name = signalNameOf(channel)
      const stop = signals.add(channel, onSignal, () => subscriber.unsubscribe(name))
      try {
        await subscriber.subscribe(name)
      } catch (error) {
        stop()
        throw error
      }
      return stop
    },
    // Over any master: in a cluster each tells the others.
    send: (all) =>
      reading.run(everyChannel, async (redis) => {
        const pipeline = redis.pipeline()
        for (const { channel, body } of all) pipeline.publish(signalNameOf(channel), body)
        for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error
      }),
    fault: subscriber.fault,
    counts: channels.counts,
    close() {
      subscriber.close()
      reading.close()
      return Promise.resolve()
    },
  }
}

const keptOf = ([epoch = '', last, ...entries]: readonly string[]): KeptEvents => {
  const chunks: Chunk[] = []
  for (let i = 0; i < entries.length; i += 2) {
    chunks.push({ last: Number(entries[i]), lines: entries[i + 1] ?? '' })
  }
  return { epoch, last: Number(last), chunks }
}

// Events in Postgres, for the embedded stack. What is kept is in tables; NOTIFY says which channel has
// come how far, since its payload is limited to 8,000 bytes, and what is missing is read by number. A
// signal is a notification, and no more.

import { randomBytes } from 'node:crypto'
import { keptEvents, type ChannelName } from '../domain/event.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { Sql } from '../drivers/postgres/pool.ts'
import type { Log } from '../runtime/log.ts'
import type { PoolStats } from '../runtime/pool-stats.ts'
import { linesOf, partsByChannel, type Chunk, type Part } from './chunk.ts'
import { channelIdleSec, missedBytesMax, type EventAppender, type EventReader } from './events.ts'
import { createSignalListeners } from './signal-listeners.ts'
import { createWatchedChannels, type KeptEvents, type Wanted } from './watched-channels.ts'

const notifications = 'todos_events'
const timeoutMs = 2_000
const epochBytes = 12

type Settings = { readonly use?: PoolStats; readonly log?: Log }
type ChannelRow = { readonly channel: ChannelName; readonly epoch: string; readonly last: string }

const newEpoch = () => randomBytes(epochBytes).toString('base64url')

export const createPostgresEventAppender = (
  databases: Databases,
  settings: Settings = {},
): EventAppender => {
  const pool = databases.pool('event appends', { ...settings, timeoutMs })
  return {
    async append(batches) {
      const parts = partsByChannel(batches)
      if (parts.size > 0) await pool.transaction((sql) => appendParts(sql, parts))
    },
    async reset() {
      await pool.transaction(async (sql) => {
        await sql`DELETE FROM event_channels`
        await sql.notify(notifications, everyChannel)
      })
    },
    async prune() {
      await pool.run(
        (sql) => sql`
          DELETE FROM event_channels
          WHERE changed_at < now() - make_interval(secs => ${channelIdleSec})`,
      )
    },
    close: pool.close,
  }
}

/** A notification that names none. */
const everyChannel = '*'
/** What a notification of a signal begins with: no epoch does. */
const signalMark = '! '

const appendParts = async (sql: Sql, parts: ReadonlyMap<ChannelName, readonly Part[]>) => {
  // Rows are locked in order, and held to the end: numbers are committed in order.
  const channels = [...parts.keys()]
  const rows = await sql<ChannelRow[]>`
    INSERT INTO event_channels AS stored (channel, epoch, last)
    SELECT channel, ${newEpoch()}, 0 FROM unnest(${channels}::text[]) AS given (channel)
    ORDER BY channel COLLATE "C"
    ON CONFLICT (channel) DO UPDATE SET changed_at = now()
    RETURNING channel, epoch, last`
  const known = await sql<{ channel: string; source: string; number: string }[]>`
    SELECT channel, source, number FROM event_sources WHERE channel = ANY(${channels})`
  const numbers = new Map(
    known.map(({ channel, source, number }) => [`${channel} ${source}`, Number(number)]),
  )
  const appended: { channel: ChannelName; epoch: string; chunk: Chunk }[] = []
  const sources = new Map<string, { channel: string; source: string; number: number }>()
  for (const { channel, epoch, last } of rows) {
    let count = 0
    let bodies: string[] = []
    for (const part of parts.get(channel) ?? []) {
      if (part.source !== undefined) {
        const key = `${channel} ${part.source}`
        if (part.number <= (numbers.get(key) ?? -1)) continue
        numbers.set(key, part.number)
        sources.set(key, { channel, source: part.source, number: part.number })
      }
      count += part.count
      if (part.bodies.length < part.count) bodies = []
      bodies.push(...part.bodies)
    }
    if (count === 0) continue
    const lines = linesOf(bodies.slice(-keptEvents))
    appended.push({ channel, epoch, chunk: { last: Number(last) + count, lines } })
  }
  if (appended.length === 0) return
  const changed = appended.map(({ channel }) => channel)
  const lasts = appended.map(({ chunk }) => chunk.last)
  const given = [...sources.values()]
  await Promise.all([
    sql`
      UPDATE event_channels SET last = new.last
      FROM unnest(${changed}::text[], ${lasts}::bigint[]) AS new (channel, last)
      WHERE event_channels.channel = new.channel`.execute(),
    sql`
      INSERT INTO channel_events (channel, last, lines)
      SELECT * FROM unnest(${changed}::text[], ${lasts}::bigint[],
        ${appended.map(({ chunk }) => chunk.lines)}::text[])`.execute(),
    sql`
      DELETE FROM channel_events AS old
      USING unnest(${changed}::text[], ${lasts}::bigint[]) AS new (channel, last)
      WHERE old.channel = new.channel AND old.last <= new.last - ${keptEvents}`.execute(),
    sql`
      INSERT INTO event_sources AS stored (channel, source, number)
      SELECT * FROM unnest(${given.map((one) => one.channel)}::text[],
        ${given.map((one) => one.source)}::text[], ${given.map((one) => one.number)}::bigint[])
      ON CONFLICT (channel, source) DO UPDATE SET number = excluded.number`.execute(),
    sql`
      SELECT pg_notify(${notifications}, payload)
      FROM unnest(${appended.map(({ channel, epoch, chunk }) => `${epoch} ${chunk.last} ${channel}`)}::text[])
        AS new (payload)`.execute(),
  ])
}

export const createPostgresEventReader = (
  databases: Databases,
  settings: Settings = {},
): EventReader => {
  const pool = databases.pool('event reads', { ...settings, timeoutMs })
  let fault: string | undefined = 'notifications of events do not arrive yet'
  const channels = createWatchedChannels({
    subscribe: () => Promise.resolve(),
    unsubscribe() {},
    read: (wanted) => pool.run((sql) => readChannels(sql, wanted)),
  })
  const signals = createSignalListeners()
  const hearSignal = (payload: string) => {
    const space = payload.indexOf(' ', signalMark.length)
    const channel = payload.slice(signalMark.length, space) as ChannelName
    signals.hear(channel, payload.slice(space + 1))
  }
  const stopListening = databases.listen(
    'channels',
    notifications,
    {
      onNotify(payload) {
        if (payload === everyChannel) {
          channels.catchUp()
          return
        }
        if (payload.startsWith(signalMark)) {
          hearSignal(payload)
          return
        }
        // Any user of the database may notify anything: what it says is only a reason to read.
        const [, epoch, last, channel] = /^(\S+) (\d{1,15}) (.+)$/s.exec(payload) ?? []
        if (epoch === undefined) return
        channels.push(channel as ChannelName, epoch, { last: Number(last), lines: '' })
      },
      onLost() {
        fault = 'the connection that notifications of events come on was lost'
      },
      onListening() {
        fault = undefined
        channels.catchUp()
      },
    },
    settings.log,
  )
  return {
    join: (...how) =>
      fault === undefined ? channels.join(...how) : Promise.reject(new Error(fault)),
    listen: (channel, onSignal) =>
      fault === undefined
        ? Promise.resolve(signals.add(channel, onSignal, () => {}))
        : Promise.reject(new Error(fault)),
    async send(all) {
      const payloads = all.map(({ channel, body }) => `${signalMark}${channel} ${body}`)
      await pool.run(
        (sql) => sql`
          SELECT pg_notify(${notifications}, payload) FROM unnest(${payloads}::text[]) AS new (payload)`,
      )
    },
    fault: () => fault,
    counts: channels.counts,
    async close() {
      await stopListening()
      await pool.close()
    },
  }
}

type KeptRow = ChannelRow & { readonly chunks: readonly Chunk[] | null }

const readChannels = async (sql: Sql, wanted: readonly Wanted[]): Promise<KeptEvents[]> => {
  const kept = new Map<string, KeptEvents>()
  const missing = () => wanted.filter(({ channel }) => !kept.has(channel))
  const read = async () => {
    const asked = missing()
    // One statement, so one snapshot: else a position could be ahead of its events.
    const rows = await sql<KeptRow[]>`
      SELECT channel, epoch, last, (
        SELECT CASE WHEN sum(octet_length(lines)) <= ${missedBytesMax}
          THEN json_agg(json_build_object('last', later.last, 'lines', lines) ORDER BY later.last) END
        FROM channel_events AS later
        WHERE later.channel = known.channel AND later.last > asked.after
      ) AS chunks
      FROM unnest(${asked.map(({ channel }) => channel)}::text[],
        ${asked.map(({ after }) => after ?? Number.MAX_SAFE_INTEGER)}::bigint[]) AS asked (name, after)
      JOIN event_channels AS known ON known.channel = asked.name`
    for (const { channel, epoch, last, chunks } of rows) {
      kept.set(channel, { epoch, last: Number(last), chunks: chunks ?? [] })
    }
  }
  await read()
  const unknown = missing()
  if (unknown.length > 0) {
    await sql`
      INSERT INTO event_channels (channel, epoch, last)
      SELECT name, ${newEpoch()}, 0
      FROM unnest(${unknown.map(({ channel }) => channel)}::text[]) AS given (name)
      ORDER BY name COLLATE "C" ON CONFLICT DO NOTHING`
    await read()
  }
  return wanted.map(({ channel }) => {
    const found = kept.get(channel)
    if (!found) throw new Error(`the channel ${channel} was forgotten as it was made`)
    return found
  })
}

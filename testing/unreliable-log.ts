// A log as publishers and an unreliable network leave it, and clients who know what must come of their
// commands: for tests that each is applied once.

import type { LogRecord } from '../lib/command-log/command-log.ts'
import { encodeCommand, type Command, type Stamp } from '../lib/domain/command.ts'

type Random = { below(max: number): number }

/** Todos that one client each writes to, write after write. */
export const chains = 6
/** The database is made to refuse a todo that is called so. */
export const refusedTitle = 'refused'

/** What came of a command for whoever asked for it. */
export type Expectation = { readonly todoId: string; atLeast: number; atMost: number }

/** A log in memory, with records as publishers and an unreliable network leave them. */
export const createLog = (random: Random) => {
  const partitions: LogRecord[][] = [[], []]
  const publishers = Array.from({ length: 3 }, (_, i) => ({
    by: `publisher-no-${String(i).padStart(3, '0')}`,
    number: 0,
    /** What it has sent to each partition, to be sent again. */
    sent: new Map<number, Buffer[]>(),
  }))
  type Publisher = (typeof publishers)[number]
  const onTheWay: { partition: number; value: Buffer }[] = []
  const append = (partition: number, value: Buffer) => {
    const records = partitions[partition] as LogRecord[]
    records.push({ offset: records.length, value })
  }
  const partitionOf = (todoId: string) => {
    let hash = 0
    for (const letter of todoId) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0
    return hash % partitions.length
  }
  const nextStamp = (publisher: Publisher): Stamp => ({
    by: publisher.by,
    number: (publisher.number += 1 + random.below(2)), // some are refused before they are sent
  })
  return {
    partitions,
    publishers,
    grow: () => void partitions.push([]),
    any: () => publishers[random.below(publishers.length)] as Publisher,
    /** `late`: nobody knows of it yet. It arrives at any time, or never. */
    publish(command: Command, by: Publisher | undefined, fate: 'acknowledged' | 'late') {
      const partition = partitionOf(command.todoId)
      const value = Buffer.from(encodeCommand(command, by && nextStamp(by)))
      if (fate === 'late') {
        onTheWay.push({ partition, value })
        return
      }
      append(partition, value)
      if (!by) return
      const sent = by.sent.get(partition) ?? []
      by.sent.set(partition, [...sent, value].slice(-5))
    },
    poison(by: Publisher) {
      const { number } = nextStamp(by)
      append(
        random.below(partitions.length),
        Buffer.from(`{"schema":9,"by":"${by.by}","n":${number}}`),
      )
    },
    /** The end of what it has sent once more, in the same order. */
    sendAgain(by: Publisher) {
      for (const [partition, values] of by.sent) {
        for (const value of values.slice(random.below(values.length))) append(partition, value)
      }
    },
    /** Somebody's record of long ago, by hand or by a mirror that goes back. */
    copy() {
      const partition = random.below(partitions.length)
      const records = partitions[partition] as LogRecord[]
      const value = records[random.below(records.length)]?.value
      if (value) append(partition, value)
    },
    arrive() {
      const [late] = onTheWay.splice(random.below(onTheWay.length + 1), 1)
      if (late) append(late.partition, late.value)
    },
  }
}

/** Applied commands by todo, as whoever asked for them expects. */
export const createClients = (random: Random, log: ReturnType<typeof createLog>) => {
  const expected: Expectation[] = []
  const ends = Array.from({ length: chains }, () => 1)
  let made = 0
  const base = (todoId: string) => ({
    commandId: `command-${++made}`,
    todoId,
    userId: 'ann',
    atMs: Date.now(),
  })
  /** Applied twice, it is as it was, but for the revision. */
  const single = (): Command => {
    const todoId = `single-${made}`
    const change = { title: random.below(8) === 0 ? refusedTitle : 'changed' }
    return random.below(3) === 0
      ? { ...base(todoId), kind: 'toggle' }
      : { ...base(todoId), kind: 'update', change }
  }
  return {
    expected,
    ends,
    write() {
      const command = single()
      const expectation = { todoId: command.todoId, atLeast: 1, atMost: 1 }
      expected.push(expectation)
      switch (random.below(6)) {
        case 0: // a server from before there were stamps
          log.publish(command, undefined, 'acknowledged')
          return
        case 1: // nobody will say that it is there
          log.publish(command, log.any(), 'late')
          expectation.atLeast = 0
          return
        case 2: {
          // A retry with its key, by a server of any age, of what has arrived, or has not yet.
          const kept: Command = { ...command, keepsOutcome: true }
          log.publish(kept, log.any(), random.below(2) === 0 ? 'late' : 'acknowledged')
          log.publish(kept, random.below(4) === 0 ? undefined : log.any(), 'acknowledged')
          return
        }
        default:
          log.publish(command, log.any(), 'acknowledged')
      }
    },
    /** One client's writes to one todo, each after the one before is acknowledged. */
    follow() {
      const chain = random.below(chains)
      const revision = ends[chain] as number
      ends[chain] = revision + 1
      const command: Command = {
        ...base(`chain-${chain}`),
        kind: 'update',
        change: { description: `after ${revision}` },
        ...(chain % 2 === 0 && { ifRevision: [revision] }),
      }
      log.publish(command, log.publishers[chain % log.publishers.length], 'acknowledged')
    },
    /** Creations only: the way of most batches. */
    create() {
      for (let left = random.below(6); left > 0; left--) {
        const todoId = `made-${made}`
        const command: Command = { ...base(todoId), kind: 'create', title: 'new', description: '' }
        expected.push({ todoId, atLeast: 0, atMost: 0 }) // its revision stays 1
        log.publish(command, log.any(), 'acknowledged')
      }
    },
  }
}

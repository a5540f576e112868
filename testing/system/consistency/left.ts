// What a run has left behind when nothing writes any more: the log, the tables, and the lists that every
// server process shows.

import { Agent } from 'node:http'
import { eventually } from '../../eventually.ts'
import { exchange } from './clients.ts'
import type { Evidence, Listed } from './evidence.ts'
import { readEmbeddedLog, readKafkaLog, readNextOffsets, readTables } from './read-back.ts'
import type { System } from './system.ts'

const appliedTimeoutMs = 90_000
const freshTimeoutMs = 20_000
const finalConnections = 12

type Offsets = Evidence['nextOffsets']

/** The log and the tables when they agree on where it ends; or, when time is up, as they are. */
export const whatIsLeft = async ({ stack, place }: System) => {
  for (const deadline = performance.now() + appliedTimeoutMs; ;) {
    const log = await (stack === 'embedded' ? readEmbeddedLog : readKafkaLog)(place())
    const isApplied = (next: Offsets) =>
      [...log.ends].every(([one, end]) => (next.get(one) ?? 0) >= end)
    const leftMs = deadline - performance.now()
    const nextOffsets = () => readNextOffsets(place())
    await eventually(nextOffsets, isApplied, leftMs).catch(() => {}) // the check says where
    const tables = await readTables(place())
    // More than the log had: a command that was in doubt was logged meanwhile, so it is read again.
    const isSettled = [...log.ends].every(
      ([one, end]) => (tables.nextOffsets.get(one) ?? 0) === end,
    )
    if (isSettled || performance.now() > deadline) return { ...log, ...tables }
  }
}

/** What several connections, over all server processes, read when nothing changes any more. */
export const finalLists = async (system: System, todoCount: number): Promise<Listed[][]> => {
  const lists: Listed[][] = []
  for (let n = 0; n < finalConnections; n++) {
    const agent = new Agent({ keepAlive: false })
    const read = async () => {
      const { text } = await exchange(agent, system.port, 'GET', '/todos')
      return JSON.parse(text) as Listed[]
    }
    const fresh = eventually(read, (list) => list.length === todoCount, freshTimeoutMs)
    lists.push(await fresh.catch(read)) // the check says what is wrong with it
    agent.destroy()
  }
  return lists
}

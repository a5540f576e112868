// Hundreds of clients write at random while processes, broker, database and Redis are killed and
// frozen at random; afterwards everything that was seen must be consistent (check.ts says what that
// is). CONSISTENCY_SECONDS=600 npm test -- worker/consistency/faults.test.ts runs it for longer.

import { Agent } from 'node:http'
import t from 'tap'
import {
  eventually,
  startTimeoutMs,
  orSkip,
  seeded,
  testDirectory,
  testTopic,
} from '../../scripts/testing.ts'
import { check } from './check.ts'
import { exchange, startClients } from './clients.ts'
import type { Evidence, Listed } from './evidence.ts'
import { planFaults } from './faults.ts'
import { startSystem, type Stack, type System } from './system.ts'

const seconds = Number(process.env['CONSISTENCY_SECONDS'] ?? 15)
const writers = 150
const readers = 10
const appliedTimeoutMs = 90_000
const freshTimeoutMs = 20_000
const finalConnections = 12
const enough = 100

type Offsets = Evidence['nextOffsets']

const stacks: readonly Stack[] = ['real', 'embedded']
for (const stack of stacks) {
  void t.test(
    `nothing acknowledged is lost, doubled, reordered or left stale, ${stack} stack`,
    async (t) => {
      const random = seeded(t)
      const directory = await testDirectory(t)
      const system = await orSkip(t, () => startSystem(directory, testTopic(), stack))
      if (!system) return
      t.teardown(() => system.stop())
      const plan = planFaults(system, random)
      const clients = startClients(system.port, { writers, readers }, random)
      const { acknowledged } = clients
      await eventually(acknowledged, (count) => count > enough, startTimeoutMs)
      const faults = await plan.carryOut(seconds, acknowledged)
      for (const fault of faults) t.comment(fault)
      const before = acknowledged()
      await eventually(acknowledged, (count) => count > before + enough, startTimeoutMs)
      await clients.stop()

      const { operations, reads } = clients
      const left = await whatIsLeft(system)
      const lists = await finalLists(system, left.todos.size)
      const evidence: Evidence = { operations, reads, ...left, finalLists: lists }
      const count = (outcome: string) => operations.filter((one) => one.outcome === outcome).length
      const { log, todos } = evidence
      const logged = new Set(log.map(({ commandId }) => commandId)).size
      t.comment(
        `${count('ok')} acknowledged, ${count('fail')} refused, ${count('info')} in doubt; ` +
          `${faults.length} faults; ${log.length} logged, ${log.length - logged} of them again; ` +
          `${system.countPrinted('another worker applied')} batches delivered again, ` +
          `${system.countPrinted('batch not applied')} tried again; ` +
          `${todos.size} todos; ${reads.length} lists read`,
      )
      t.ok(reads.length > enough, 'lists were read meanwhile')
      t.same(check(evidence).slice(0, 20), [], 'and all of it is consistent')
      t.same(system.endedByThemselves(), [], 'and no process ended that was not killed')
    },
  )
}

/** The log and the tables when they agree on where it ends; or, when time is up, as they are. */
const whatIsLeft = async (system: System) => {
  for (const deadline = performance.now() + appliedTimeoutMs; ;) {
    const log = await system.readLog()
    const isApplied = (next: Offsets) =>
      [...log.ends].every(([one, end]) => (next.get(one) ?? 0) >= end)
    const leftMs = deadline - performance.now()
    await eventually(system.readNextOffsets, isApplied, leftMs).catch(() => {}) // the check says where
    const tables = await system.readTables()
    // More than the log had: a command that was in doubt was logged meanwhile, so it is read again.
    const isSettled = [...log.ends].every(
      ([one, end]) => (tables.nextOffsets.get(one) ?? 0) === end,
    )
    if (isSettled || performance.now() > deadline) return { ...log, ...tables }
  }
}

/** What several connections, over all server processes, read when nothing changes any more. */
const finalLists = async (system: System, todoCount: number): Promise<Listed[][]> => {
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

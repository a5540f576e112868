// Hundreds of clients write at random while processes, broker, database and Redis are killed and
// frozen at random; afterwards everything that was seen must be consistent (check.ts says what that
// is). CONSISTENCY_SECONDS=600 npm test -- worker/consistency/faults.test.ts runs it for longer.

import { Agent } from 'node:http'
import postgres from 'postgres'
import t from 'tap'
import type { Command } from '../../lib/command.ts'
import { readTopic } from '../../lib/command-log/read-topic.ts'
import { eventually, orSkip, seeded, testDirectory, testTopic } from '../../scripts/testing.ts'
import { check, type Evidence, type Logged } from './check.ts'
import { exchange, startClients } from './clients.ts'
import { startSystem } from './system.ts'

const seconds = Number(process.env['CONSISTENCY_SECONDS'] ?? 25)
const lagTimeoutMs = 90_000
const freshTimeoutMs = 20_000
const finalConnections = 12

void t.test('nothing acknowledged is lost, doubled, reordered or left stale', async (t) => {
  const random = seeded(t)
  const topic = testTopic()
  const directory = await testDirectory(t)
  const system = await orSkip(t, () => startSystem(directory, topic))
  if (!system) return
  t.teardown(() => system.stop())
  const clients = startClients(system.port, { writers: 150, readers: 10 }, random)
  await eventually(
    () => clients.operations.filter(({ outcome }) => outcome === 'ok').length,
    (count) => count > 100,
    30_000,
  )
  for (const endMs = performance.now() + seconds * 1000; performance.now() < endMs;) {
    t.comment(await system.fault(random))
  }
  const settled = clients.operations.length
  await eventually(
    () => clients.operations.slice(settled).filter(({ outcome }) => outcome === 'ok').length,
    (count) => count > 100,
    60_000,
  )
  await clients.stop()

  const { records, ends } = await readTopic(system.brokers, topic)
  const sql = postgres(system.databaseUrl, { max: 1 })
  t.teardown(() => sql.end())
  const applied = async () => {
    const rows = await sql<{ partition: number; next_offset: string }[]>`
      SELECT partition, next_offset FROM command_offsets WHERE log = ${topic}`
    return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]))
  }
  const isAllApplied = (offsets: Map<number, number>) =>
    [...ends].every(([partition, end]) => (offsets.get(partition) ?? 0) >= end)
  await eventually(applied, isAllApplied, lagTimeoutMs).catch(() => {}) // the check says which

  const todos = await sql<{ id: string; title: string; revision: number }[]>`
    SELECT id, title, revision FROM todos`
  const [letters] = await sql<{ count: string }[]>`SELECT count(*) AS count FROM dead_letters`
  const evidence: Evidence = {
    ...{ operations: clients.operations, reads: clients.reads, ends },
    log: records.map(({ partition, offset, value }): Logged => {
      const command = JSON.parse(value) as Command
      const { commandId, kind, todoId, userId } = command
      const title =
        command.kind === 'create'
          ? command.title
          : command.kind === 'update'
            ? (command.change.title ?? '')
            : ''
      return { partition, offset, commandId, kind, todoId, userId, title }
    }),
    todos: new Map(todos.map(({ id, title, revision }) => [id, { title, revision }])),
    nextOffsets: await applied(),
    deadLetters: Number(letters?.count),
    finalLists: await finalLists(system.port, todos.length),
  }
  const count = (outcome: string) =>
    evidence.operations.filter((one) => one.outcome === outcome).length
  const ids = new Set(evidence.log.map(({ commandId }) => commandId))
  t.comment(
    `${count('ok')} acknowledged, ${count('fail')} refused, ${count('info')} in doubt; ` +
      `${evidence.log.length} logged, ${evidence.log.length - ids.size} of them again; ` +
      `${todos.length} todos; ${evidence.reads.length} lists read`,
  )
  t.same(check(evidence).slice(0, 20), [])
})

/** What several connections, over all server processes, read when nothing changes any more. */
const finalLists = async (port: number, todoCount: number): Promise<string[][]> => {
  const lists: string[][] = []
  for (let n = 0; n < finalConnections; n++) {
    const agent = new Agent({ keepAlive: false })
    const read = async () => {
      const { text } = await exchange(agent, port, 'GET', '/todos')
      return (JSON.parse(text) as { title: string }[]).map(({ title }) => title)
    }
    const fresh = eventually(read, (list) => list.length === todoCount, freshTimeoutMs)
    lists.push(await fresh.catch(read)) // the check says what is wrong with it
    agent.destroy()
  }
  return lists
}

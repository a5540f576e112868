// A topic that was deleted and made again while server and workers were down is another log. Neither
// goes on before an operator has decided. Then nothing is lost of what the new one acknowledged.

import { execFile } from 'node:child_process'
import { Agent } from 'node:http'
import { promisify } from 'node:util'
import t from 'tap'
import { startServer, startWorker } from '../../../scripts/stack/processes.ts'
import { eventually } from '../../eventually.ts'
import { orSkip, testDirectory, testTopic } from '../../services.ts'
import { exchange } from './clients.ts'
import { readEnds, readNextOffsets, readTables } from './read-back.ts'
import { startSystem, type System } from './system.ts'
import { makeTopicAnew } from './topic.ts'

const run = promisify(execFile)
const count = 40
const appliedTimeoutMs = 90_000

t.test('a topic made anew stops server and workers until an operator decides', async (t) => {
  const [directory, topic] = [await testDirectory(t), testTopic()]
  const system = await orSkip(t, () =>
    startSystem({ directory, topic, stack: 'real', engine: 'node' }),
  )
  if (!system) return
  t.teardown(() => system.stop())

  const before = await write(system)
  await isApplied(system)
  await system.stopAll()
  await makeTopicAnew(system.place(), Number(system.environment['KAFKA_PARTITIONS']))

  const says = /another log[^]*npm run command-log/
  await t.rejects(startServer(system.environment), { message: says }, 'the server refuses to start')
  await t.rejects(startWorker(system.environment), { message: says }, 'and so does a worker')

  await run(process.execPath, ['scripts/command-log.ts', 'adopt', '--from', 'beginning'], {
    env: { ...process.env, ...system.environment },
  })
  await system.startAll()
  const after = await write(system)
  await isApplied(system)
  const { todos } = await readTables(system.place())
  t.same(
    [...before, ...after].filter((id) => !todos.has(id)),
    [],
    'every acknowledged todo exists',
  )
})

/** The ids of so many acknowledged creations. */
const write = async ({ port }: System): Promise<string[]> => {
  const agent = new Agent({ keepAlive: true })
  const ids: string[] = []
  for (let n = 0; n < count; n++) {
    const { text } = await eventually(
      () => exchange(agent, port, 'POST', '/todos', JSON.stringify({ title: `todo ${n}` })),
      ({ status }) => status === 202,
    )
    ids.push((JSON.parse(text) as { id: string }).id)
  }
  agent.destroy()
  return ids
}

const isApplied = async ({ stack, place }: System): Promise<void> => {
  const ends = await readEnds(stack, place())
  await eventually(
    async () => [...(await readNextOffsets(place()))],
    (next) => [...ends].every(([one, end]) => (new Map(next).get(one) ?? 0) >= end),
    appliedTimeoutMs,
  )
}

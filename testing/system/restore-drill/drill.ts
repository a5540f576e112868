// npm run test:restore: whole disasters, on services of its own. Clients write all the time, rows are
// deleted by accident, the database is lost, and it is restored to just before. Then the checker of the
// consistency test judges whether each acknowledged command was applied exactly once. The same with shards.

import { rm } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { answerTo, parseOptions, UsageError, wrongUsage } from '../../../scripts/command-line.ts'
import { randomFrom } from '../../../scripts/random.ts'
import { makeTemporaryDirectory } from '../../../scripts/stack/temporary-directory.ts'
import { eventually } from '../../eventually.ts'
import { check } from '../consistency/check.ts'
import { startClients, type Clients } from '../consistency/clients.ts'
import { readNextOffsets } from '../consistency/read-back.ts'
import { readTopicEnds } from '../consistency/topic.ts'
import { gather, type Undone } from './gather.ts'
import { drillShards } from './shard-drill.ts'
import { startSite, type Site } from './site.ts'

const secondsDefault = 8
const counts = { writers: 30, readers: 4 }
const appliedTimeoutMs = 180_000
const violationsShown = 20

const usage = `usage: npm run test:restore [-- --seconds N] [-- --only one|shards]
Starts Postgres, Redis, Kafka, a server and two workers of its own. While clients write, it backs up, deletes
all todos, loses the database, and restores it to just before the deletion. It prints what was lost (RPO),
how long it took (RTO), and whether each acknowledged command was applied exactly once. Then the same with
two shards, of which one is lost and restored while the other serves.
  --seconds N   how long clients write before and after each of these (${secondsDefault})
  --only ...    one database, or shards
SEED repeats the clients' choices.
Exit codes: 0 nothing was lost or doubled, 1 something was, 2 wrong usage.`

type Request = { readonly seconds: number; readonly only: string | undefined }

const parse = (args: readonly string[]): Request => {
  const { seconds = String(secondsDefault), only } = parseOptions(args, {
    seconds: { type: 'string' },
    only: { type: 'string' },
  }).values
  if (!/^[1-9]\d{0,4}$/.test(seconds)) throw new UsageError(`--seconds "${seconds}" is no number`)
  if (only !== undefined && only !== 'one' && only !== 'shards')
    throw new UsageError(`--only "${only}" is neither one nor shards`)
  return { seconds: Number(seconds), only }
}

/** What clients saw between the accident and the loss is of a past that was undone. */
type Accident = Pick<Undone, 'startMs' | 'firstRead'> & { readonly moment: string }

const drill = async ({ seconds, only }: Request): Promise<boolean> => {
  const seed = Number(process.env['SEED'] ?? randomBytes(4).readUInt32LE())
  console.log(`SEED=${seed}`)
  const next = randomFrom(seed)
  const random = { seed, next, below: (max: number) => Math.floor(next() * max) }
  const directory = await makeTemporaryDirectory()
  try {
    const isWhole = only === 'shards' || (await drillOne(directory, seconds, random))
    if (only === 'one') return isWhole
    return (await drillShards(directory, seconds, random, say)) && isWhole
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const drillOne = async (
  directory: string,
  seconds: number,
  random: Parameters<typeof startClients>[2],
): Promise<boolean> => {
  const site = await startSite(join(directory, 'one'), say)
  const clients = startClients(site.port, counts, random)
  try {
    return await runDrill(site, clients, seconds)
  } finally {
    await clients.stop()
    await site.stop()
  }
}

const runDrill = async (site: Site, clients: Clients, seconds: number): Promise<boolean> => {
  const write = () => delay(seconds * 1_000)
  await write()
  const atBackup = clients.acknowledged()
  const backupMs = await timed(() => site.backup())
  say(
    `backed up in ${inSeconds(backupMs)}, with ${clients.acknowledged() - atBackup} writes meanwhile`,
  )
  await write()
  const accident: Accident = {
    moment: await site.deleteAllTodos(),
    startMs: performance.now(),
    firstRead: clients.reads.length,
  }
  const atAccident = clients.acknowledged()
  say(`all todos deleted after ${accident.moment}, ${atAccident} commands acknowledged`)
  await write()
  const unarchivedMs = await site.loseEverything()
  const [lostMs, lastRead, atLoss] = [
    performance.now(),
    clients.reads.length,
    clients.acknowledged(),
  ]
  const lostEnds = await readTopicEnds(site.place())
  say(`processes killed, database lost, ${atLoss} commands acknowledged`)

  const restoreMs = await timed(() => site.restore(accident.moment))
  const restored = await readNextOffsets(site.place())
  const ahead = [...lostEnds].reduce((sum, [one, end]) => sum + end - (restored.get(one) ?? 0), 0)
  await site.startProcesses()
  await eventually(clients.acknowledged, (count) => count > atLoss, appliedTimeoutMs)
  const writableMs = performance.now() - lostMs
  await eventually(
    () => readNextOffsets(site.place()),
    (applied) => [...lostEnds].every(([one, end]) => (applied.get(one) ?? 0) >= end),
    appliedTimeoutMs,
  )
  const caughtUpMs = performance.now() - lostMs
  await site.backup()
  await write()
  await clients.stop()

  const evidence = await gather(site, clients, [{ ...accident, endMs: lostMs, lastRead }])
  const violations = check(evidence)
  for (const { invariant, detail } of violations.slice(0, violationsShown))
    say(`${invariant}: ${detail}`)
  const acknowledged = evidence.operations.filter(({ outcome }) => outcome === 'ok').length
  // Not in the log, not as the log makes it, or not applied.
  const lost = violations.filter(({ invariant }) => ['I1', 'I6', 'I7'].includes(invariant)).length
  say('')
  say(`acknowledged: ${acknowledged}; ${atLoss - atAccident} between the accident and the loss`)
  say(`in the log: ${evidence.log.length}; of them ${ahead} applied again after the restore`)
  say(`RPO: ${lost} acknowledged commands or todos lost, while the log has them`)
  say(
    `     with COMMAND_LOG=postgres: what was not archived, ${inSeconds(unarchivedMs)} at the loss`,
  )
  say(`RTO: restored ${inSeconds(restoreMs)}, first 202 after ${inSeconds(writableMs)}`)
  say(`     all of before applied after ${inSeconds(caughtUpMs)}`)
  say(`violations: ${violations.length} of exactly once, order and freshness`)
  return violations.length === 0
}

const timed = async (work: () => Promise<void>): Promise<number> => {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

const inSeconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
const say = (line: string) => console.log(line)

const args = process.argv.slice(2)
const answer = answerTo(args, usage)
if (answer !== undefined) console.log(answer)
else {
  try {
    process.exitCode = (await drill(parse(args))) ? 0 : 1
  } catch (error) {
    const isUsage = error instanceof UsageError
    console.error(isUsage ? wrongUsage(error.message, usage) : error)
    process.exitCode = isUsage ? 2 : 1
  }
}

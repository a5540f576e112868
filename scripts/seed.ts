// npm run seed: adds fixture todos to the database of DATABASE_URL, 10,000 by default. The worker
// announces the new lists within a second.

import hyperid from 'hyperid'
import { shardOfBucket, type ShardMap } from '../lib/domain/shard-map.ts'
import { bucketCount, idAlphabet, idStart } from '../lib/domain/todo-id.ts'
import { readConfigOrExit, type Config } from '../lib/runtime/config/config.ts'
import { shardsIn } from '../lib/runtime/config/shard-urls.ts'
import { databaseTarget, shardTargets } from '../lib/runtime/config/targets.ts'
import { createPool } from '../lib/drivers/postgres/pool.ts'
import { parseOptions, readArgumentsOrExit, usageExitCode, UsageError } from './command-line.ts'
import { confirmTargets, refusalOf, yesOption } from './confirm.ts'
import { onShards } from './on-shards.ts'

export const seedCountDefault = 10_000
const chunkSize = 1_000
/** For each chunk, which takes 50 ms. */
const timeoutMs = 60_000
/** The name under which a seed raises the lists' version. */
const seedLog = '(seed)'

const verbs = [
  'Write',
  'Review',
  'Fix',
  'Measure',
  'Plan',
  'Clean up',
  'Call about',
  'Order',
  'Test',
]
const things = [
  'the quarterly report',
  'the garden shed',
  'a flaky test',
  'the release notes',
  'tickets',
]
const whens = [
  'before lunch',
  'by Friday',
  'with the team',
  'once the parts arrive',
  'when it is quiet',
]

export type SeedTarget = {
  readonly databaseUrl: string
  readonly count: number
  /** Of a shard: what it has, and which of the todos are its share. */
  readonly shard?: SeedShare
}
type SeedShare = { readonly buckets: readonly number[]; readonly nth: number; readonly of: number }

/** True when this database was seeded before. */
export const isSeeded = async (databaseUrl: string): Promise<boolean> => {
  const pool = createPool({ url: databaseUrl, poolSize: 1, timeoutMs })
  try {
    const { count } = await pool.run((sql) => sql`SELECT FROM list_versions WHERE log = ${seedLog}`)
    return count > 0
  } finally {
    await pool.close()
  }
}

/** `onProgress` gets the number of rows inserted, after each chunk. */
export const seed = async (
  { databaseUrl, count, shard }: SeedTarget,
  onProgress: (done: number) => void,
): Promise<void> => {
  const pool = createPool({ url: databaseUrl, poolSize: 1, timeoutMs })
  const newUnique = hyperid({ urlSafe: true, fixedLength: true })
  const newId = (n: number) =>
    shard ? idStart(newUnique(), pick(shard.buckets, n)) + idAlphabet.charAt(0) : newUnique()
  const { nth, of } = shard ?? { nth: 0, of: 1 }
  const nowMs = Date.now()
  try {
    for (let done = 0; done < count; done += chunkSize) {
      const numbers = Array.from(
        { length: Math.min(chunkSize, count - done) },
        (_, i) => (done + i) * of + nth,
      )
      await pool.transaction(async (tx) => {
        // In the past and a minute apart, so that whatever a user creates comes before them.
        await tx`
          INSERT INTO todos
            (id, title, description, completed, user_id, created_at, updated_at, revision)
          SELECT id, title, description, completed, user_id, created_at, created_at, 1
          FROM unnest(${numbers.map(newId)}::text[], ${numbers.map(titleOf)}::text[],
            ${numbers.map(descriptionOf)}::text[], ${tx.array(numbers.map((n) => n % 3 === 0))}::boolean[],
            ${numbers.map((n) => `user-${n % 50}`)}::text[],
            ${tx.array(numbers.map((n) => new Date(nowMs - (n + 1) * 60_000)))}::timestamptz[])
            AS new (id, title, description, completed, user_id, created_at)`
        await tx`
          INSERT INTO list_versions AS stored (log, partition, changes) VALUES (${seedLog}, 0, 1)
          ON CONFLICT (log, partition) DO UPDATE SET changes = stored.changes + 1`
      })
      onProgress(done + numbers.length)
    }
  } finally {
    await pool.close()
  }
}

const pick = <T>(some: readonly T[], n: number): T => some[n % some.length] as T
const titleOf = (n: number): string => `${pick(verbs, n)} ${pick(things, n * 7 + 3)}`
const descriptionOf = (n: number): string =>
  `Number ${n + 1} on the list: best done ${pick(whens, n * 3 + 1)}.`

/** Each shard gets as many as any other, or one more, in turns: a page of the newest has some of each. */
export const targetsOf = async (
  config: Config,
  count: number,
): Promise<(SeedTarget & { readonly name?: string })[]> => {
  const pool = createPool({ url: config.DATABASE_URL, poolSize: 1, timeoutMs })
  const bucketsIn = (map: ShardMap, name: string) =>
    Array.from({ length: bucketCount }, (_, bucket) => bucket).filter(
      (bucket) => shardOfBucket(map, bucket) === name,
    )
  try {
    return await onShards(config, pool, timeoutMs, (shards) => {
      if (!shards) return Promise.resolve([{ databaseUrl: config.DATABASE_URL, count }])
      const urls = shardsIn(config.DATABASE_SHARDS)
        .map((one) => ({ ...one, buckets: bucketsIn(shards.map, one.name) }))
        .filter(({ buckets }) => buckets.length > 0)
      return Promise.resolve(
        urls.map(({ name, url, buckets }, nth) => {
          const own = Math.floor((count + urls.length - 1 - nth) / urls.length)
          return {
            name,
            databaseUrl: url,
            count: own,
            shard: { buckets, nth, of: urls.length },
          }
        }),
      )
    })
  } finally {
    await pool.close()
  }
}

/** One line that redraws itself on a terminal; elsewhere only its end is printed. */
export const progressBar = (label: string, total: number) => (done: number) => {
  const width = 30
  const filled = Math.round((done / total) * width)
  const bar = `${label} [${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done}/${total}`
  if (process.stdout.isTTY) process.stdout.write(`\r${bar}${done === total ? '\n' : ''}`)
  else if (done === total) console.log(bar)
}

const usage = `usage: npm run seed [-- COUNT] [--yes]
Adds COUNT fixture todos (10000) to the database of DATABASE_URL, or to the shards. The worker announces the
new lists.
  -y, --yes   write to the default database, where DATABASE_URL is not set
Exit codes: 0 done, 1 failed, 2 wrong usage, or not told where to write.`

const parse = (args: readonly string[]) => {
  const { values, positionals } = parseOptions(args, yesOption, { allowPositionals: true })
  const [text = String(seedCountDefault), ...more] = positionals
  if (more.length > 0) throw new UsageError(`"${more[0]}" is one too many`)
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new UsageError(`"${text}" is not a number of todos`)
  return { count: Number(text), isConfirmed: values.yes ?? false }
}

if (process.argv[1] === import.meta.filename) {
  const { count, isConfirmed } = readArgumentsOrExit(usage, parse)
  const config = readConfigOrExit('script')
  try {
    const targets = [databaseTarget(config, process.env), ...shardTargets(config, process.env)]
    await confirmTargets(targets, isConfirmed)
    for (const target of await targetsOf(config, count)) {
      const label = target.name === undefined ? 'seeding' : `seeding ${target.name}`
      await seed(target, progressBar(label, target.count))
    }
  } catch (error) {
    const { message } = error as Error
    const refusal = refusalOf(error, usage)
    console.error(refusal ?? `can't seed (${message}): check DATABASE_URL, and npm run migrate`)
    process.exit(refusal === undefined ? 1 : usageExitCode)
  }
}

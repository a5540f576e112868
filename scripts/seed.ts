// npm run seed [count]: adds that many fixture todos to the database of DATABASE_URL (10,000 by
// default). The worker announces the new lists within a second.

import hyperid from 'hyperid'
import { readConfigOrExit } from '../lib/runtime/config/config.ts'
import { createPool } from '../lib/drivers/postgres/pool.ts'

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

export type SeedTarget = { readonly databaseUrl: string; readonly count: number }

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
  { databaseUrl, count }: SeedTarget,
  onProgress: (done: number) => void,
): Promise<void> => {
  const pool = createPool({ url: databaseUrl, poolSize: 1, timeoutMs })
  const newId = hyperid({ urlSafe: true, fixedLength: true })
  const nowMs = Date.now()
  try {
    for (let done = 0; done < count; done += chunkSize) {
      const numbers = Array.from({ length: Math.min(chunkSize, count - done) }, (_, i) => done + i)
      await pool.transaction(async (tx) => {
        // In the past and a minute apart, so that whatever a user creates comes before them.
        await tx`
          INSERT INTO todos
            (id, title, description, completed, user_id, created_at, updated_at, revision)
          SELECT id, title, description, completed, user_id, created_at, created_at, 1
          FROM unnest(${numbers.map(() => newId())}::text[], ${numbers.map(titleOf)}::text[],
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

const pick = (words: readonly string[], n: number): string => words[n % words.length] as string
const titleOf = (n: number): string => `${pick(verbs, n)} ${pick(things, n * 7 + 3)}`
const descriptionOf = (n: number): string =>
  `Number ${n + 1} on the list: best done ${pick(whens, n * 3 + 1)}.`

/** One line that redraws itself on a terminal; elsewhere only its end is printed. */
export const progressBar = (label: string, total: number) => (done: number) => {
  const width = 30
  const filled = Math.round((done / total) * width)
  const bar = `${label} [${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done}/${total}`
  if (process.stdout.isTTY) process.stdout.write(`\r${bar}${done === total ? '\n' : ''}`)
  else if (done === total) console.log(bar)
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const { DATABASE_URL } = readConfigOrExit('script')
  const count = Number(process.argv[2] ?? seedCountDefault)
  if (!Number.isSafeInteger(count) || count < 1) {
    console.error(`"${process.argv[2]}" is not a number of todos: npm run seed 10000`)
    process.exit(1)
  }
  try {
    await seed({ databaseUrl: DATABASE_URL, count }, progressBar('seeding', count))
  } catch (error) {
    console.error(
      `can't seed (${(error as Error).message}): check DATABASE_URL, and npm run migrate`,
    )
    process.exit(1)
  }
}

// A process that uses Postgres in every way that ours do, without a pause, for tests that break the
// connection under it. Reports what nothing caught, and on demand whether everything works.

import { setTimeout as delay } from 'node:timers/promises'
import { listen } from '../lib/drivers/postgres/listen.ts'
import { createPool } from '../lib/drivers/postgres/pool.ts'
import { randomFrom } from '../scripts/random.ts'

export type ClientReport =
  | { readonly kind: 'uncaught'; readonly stack: string }
  | { readonly kind: 'working'; readonly statements: number; readonly failures: number }

const clients = 12
const timeoutMs = Number(process.env['TIMEOUT_MS'] ?? 300)
const channel = 'faults'
const url = process.env['DATABASE_URL'] as string
const random = randomFrom(Number(process.env['SEED']))
const report = (message: ClientReport) => process.send?.(message)

// Called for unhandled rejections too, and whether or not somebody survives it.
process.on('uncaughtExceptionMonitor', (error) => {
  report({ kind: 'uncaught', stack: error.stack ?? String(error) })
})

const pool = createPool({ url, poolSize: 3, timeoutMs })
let isListening = false
let notified = 0
listen(url, channel, {
  onNotify: () => notified++,
  onListening: () => (isListening = true),
  onLost: () => (isListening = false),
})

let statements = 0
let failures = 0

const uses = [
  () => pool.run((sql) => sql`SELECT 1`),
  () => pool.run((sql) => sql`SELECT * FROM unnest(${['a', 'b']}::text[])`),
  () => pool.run((sql) => sql`SELECT repeat('x', ${Math.floor(random() * 200_000)})`),
  () => pool.run((sql) => sql`SELECT pg_sleep(${random() * 0.05})`),
  () => pool.run((sql) => sql.notify(channel, 'x'.repeat(2_000))),
  () =>
    pool.transaction(async (tx) => {
      await tx`CREATE TEMPORARY TABLE IF NOT EXISTS held (id int)`
      await tx`INSERT INTO held SELECT generate_series(1, 100)`
      await delay(random() * 30)
      await tx`SELECT * FROM held WHERE id = ANY(${[1, 2, 3]}::int[])`
    }),
  () =>
    pool.transaction(async (tx) => {
      await tx`SAVEPOINT one`
      await delay(random() * 30)
      await Promise.all([tx`SELECT 1`, tx`SELECT ${'x'.repeat(5_000)}`, tx`SELECT 3`])
      if (random() < 0.3) throw new Error('rolled back')
    }),
] as const

const use = async () => {
  for (;;) {
    const one = uses[Math.floor(random() * uses.length)] as (typeof uses)[number]
    statements++
    await one().catch(() => failures++)
    await delay(random() * 10)
  }
}
for (let i = 0; i < clients; i++) void use()

process.on('message', () => {
  void (async () => {
    const before = notified
    try {
      await pool.transaction((tx) => tx`SELECT pg_notify(${channel}, '')`)
      await pool.run((sql) => sql`SELECT 1`)
      await delay(100)
      if (isListening && notified > before) report({ kind: 'working', statements, failures })
    } catch {
      // Not yet: asked again.
    }
  })()
})

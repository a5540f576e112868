// Random numbers that a test can repeat.

import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { randomFrom } from '../scripts/random.ts'

/** Random numbers from a seed: tests print it, and take it from SEED. */
export const seeded = (
  t: Test,
): { readonly seed: number; next(): number; below(max: number): number } => {
  const seed = Number(process.env['SEED'] ?? randomBytes(4).readUInt32LE())
  t.comment(`SEED=${seed}`)
  const next = randomFrom(seed)
  return { seed, next, below: (max) => Math.floor(next() * max) }
}

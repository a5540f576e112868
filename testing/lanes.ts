// The lanes that tests run in. A file's name gives its lane: what it needs, and so how long it takes.

import { readPaths } from './house-files.ts'

export const lanes = ['system', 'integration', 'bench', 'unit'] as const
/**
 * - `unit`: needs no service and no process of ours.
 * - `integration`: one part against a real service or a real process.
 * - `system`: whole processes, as they are run: started, killed, restarted, drained.
 * - `bench`: the harness of the benchmarks.
 */
export type Lane = (typeof lanes)[number]

export const isTest = (file: string): boolean => file.endsWith('.test.ts')

export const laneOf = (file: string): Lane => {
  if (file.startsWith('bench/')) return 'bench'
  if (file.startsWith('testing/system/') || file.endsWith('.system.test.ts')) return 'system'
  return file.endsWith('.integration.test.ts') ? 'integration' : 'unit'
}

/**
 * Runs beside two others, at a low priority: it needs the processor, and no service of its own that could
 * starve.
 */
export const isBackground = (file: string): boolean => ['unit', 'bench'].includes(laneOf(file))

/** Those of the integration lane that take more than half a minute of a whole run on two cores. */
export const longest: readonly string[] = [
  'server/http/engines/node/differential.integration.test.ts',
  'server/features/docs/answers.integration.test.ts',
  'server/features/todos/team-todos.integration.test.ts',
  'lib/command-log/kafka/broken-broker.integration.test.ts',
  'server/identity/revoked-sessions.integration.test.ts',
  'server/limits/limits.integration.test.ts',
  'lib/rate-limit/failover.integration.test.ts',
  'server/features/accounts/mail.integration.test.ts',
  'lib/drivers/postgres/pool.integration.test.ts',
  'lib/rate-limit/stores.integration.test.ts',
  'lib/drivers/postgres/faults.integration.test.ts',
  'server/features/todos/write-todos.integration.test.ts',
  'server/features/public-lists/witness.integration.test.ts',
  'lib/command-log/kafka/lost-acks.integration.test.ts',
]

/** Every test, a lane after the other. The longest come first, for the last to end may run alone. */
export const listTests = (root: string): readonly string[] => {
  const files = readPaths(root).filter(isTest)
  return lanes.flatMap((lane) => {
    const all = files.filter((file) => laneOf(file) === lane)
    const first = longest.filter((file) => all.includes(file))
    return [...first, ...all.filter((file) => !first.includes(file))]
  })
}

/**
 * Tests that try to make happen what must never happen: one failure is the finding. Any other file
 * that fails is run again, alone, since it may have failed only because of what ran beside it. Then
 * it counts as passed, and is named.
 */
export const neverRetried = [
  'lib/command-log/',
  'lib/drivers/kafka/',
  'lib/rate-limit/',
  'lib/teams/races.',
  'server/http/engines/',
  'server/features/public-lists/fill-races.',
  'server/features/public-lists/freshness.',
  'server/realtime/',
  'testing/system/',
  'worker/',
]

export const isNeverRetried = (file: string): boolean =>
  neverRetried.some((start) => file.startsWith(start))

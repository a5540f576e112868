// From `DB_POOL_SIZE=1,10,50 REDIS_POOL_SIZE=1,4` to the candidates of a sweep: every combination.
// What no server could be started with, or what the scenario would not notice, is refused before
// anything starts.

import { knownSettings, readSettings } from '../../scripts/stack/settings.ts'
import type { Scenario } from '../scenario.ts'

export type Candidate = {
  /** `DB_POOL_SIZE=10 REDIS_POOL_SIZE=1` */
  readonly name: string
  readonly settings: Readonly<Record<string, string>>
  /** Every setting has the value that it would have anyway. */
  readonly isDefault: boolean
  /** Among the candidates: 0 has the least of everything; for what has no size, the first given. */
  readonly size: number
}

export const candidatesMax = 100

/** The servers' addresses and secrets: each target has its own. */
const ownedByBench: readonly string[] = [
  'HTTP_HOST',
  'HTTP_PORT',
  'DATABASE_URL',
  'REDIS_URL',
  'KAFKA_BROKERS',
  'KAFKA_TODO_TOPIC',
  'JWT_SECRET',
  'DATA_DIR',
  'BACKUP_DIR',
  'METRICS_PORT',
  'WORKER_METRICS_PORT',
]

/** Throws what to put right. */
export const parseCandidates = (
  sweeps: readonly string[],
  scenario: Pick<Scenario, 'name' | 'services' | 'method' | 'writesPerSecond' | 'settings'>,
): Candidate[] => {
  const parsed = sweeps.map((text) => parseSweep(text))
  if (parsed.length === 0) throw new Error('give a setting and its values: DB_POOL_SIZE=1,10,50')
  const names = parsed.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) < index)
  if (twice !== undefined) throw new Error(`${twice} is given twice: put all its values together`)
  for (const name of names) refusePointless(name, scenario)
  const combinations = combine(parsed)
  if (combinations.length > candidatesMax) {
    throw new Error(`${combinations.length} candidates; ${candidatesMax} at most`)
  }
  const candidates = combinations.map((pairs) => candidateOf(pairs, scenario))
  const distinct = candidates.filter(
    ({ name }, index) => candidates.findIndex((one) => one.name === name) === index,
  )
  if (distinct.length < 2) throw new Error(`${parsed[0]?.name ?? ''}: two values at least`)
  return distinct.map((candidate) => ({ ...candidate, size: sizeOf(candidate, distinct) }))
}

type Sweep = { readonly name: string; readonly values: readonly string[] }
type Pair = readonly [name: string, value: string]

const parseSweep = (text: string): Sweep => {
  const [, name, list] = /^([^=]+)=(.*)$/.exec(text) ?? []
  if (name === undefined || list === undefined) {
    throw new Error(`"${text}": a setting and its values, such as DB_POOL_SIZE=1,10,50`)
  }
  if (ownedByBench.includes(name)) throw new Error(`${name}: the benchmark sets it itself`)
  if (!knownSettings.has(name)) {
    throw new Error(`${name} is not a setting; the nearest are ${nearest(name).join(', ')}`)
  }
  const values = list.split(',').map((value) => value.trim())
  if (values.includes('')) throw new Error(`${name}: an empty value in "${list}"`)
  return { name, values }
}

/** A sweep of what the servers do not use would find, after minutes, that nothing matters. */
const refusePointless = (
  setting: string,
  { name, services, method, writesPerSecond }: Parameters<typeof parseCandidates>[1],
) => {
  const isRead = method === 'GET' && writesPerSecond === 0
  if (services === 'embedded' && /^(REDIS|KAFKA|LIST_CACHE|COMMAND_LOG)/.test(setting)) {
    throw new Error(
      `${setting}: scenario ${name} runs on Postgres alone; take one with "services": "real", such as mixed or writes`,
    )
  }
  if (isRead && /^(PUBLISH|KAFKA|COMMAND_LOG|WORKER)/.test(setting)) {
    throw new Error(
      `${setting}: nobody writes in scenario ${name}; take one that does, such as mixed or writes`,
    )
  }
}

const combine = (sweeps: readonly Sweep[]): Pair[][] =>
  sweeps.reduce<Pair[][]>(
    (sofar, { name, values }) =>
      sofar.flatMap((pairs) => values.map((value): Pair[] => [...pairs, [name, value]])),
    [[]],
  )

const candidateOf = (
  pairs: readonly Pair[],
  scenario: Pick<Scenario, 'settings'>,
): Omit<Candidate, 'size'> => {
  // As a server reads them: 010 is 10. What it refuses names the setting and what to set.
  const read = readSettings({ ...scenario.settings, ...Object.fromEntries(pairs) })
  const understood = pairs.map(([name]): Pair => [name, read[name] ?? ''])
  return {
    name: understood.map((pair) => pair.join('=')).join(' '),
    settings: Object.fromEntries(understood),
    isDefault: understood.every(([name, value]) => value === knownSettings.get(name)?.default),
  }
}

const sizeOf = (one: Omit<Candidate, 'size'>, all: readonly Omit<Candidate, 'size'>[]): number =>
  Object.entries(one.settings).reduce((sum, [name, value]) => {
    const values = [...new Set(all.map(({ settings }) => settings[name] ?? ''))]
    const hasSize = values.every((text) => /^\d+$/.test(text))
    const sorted = hasSize ? values.toSorted((a, b) => Number(a) - Number(b)) : values
    return sum + sorted.indexOf(value)
  }, 0)

/** Those that take the fewest changes of a letter. */
const nearest = (name: string): string[] =>
  [...knownSettings.keys()]
    .filter((one) => !ownedByBench.includes(one))
    .map((one) => ({ one, changes: distance(name.toUpperCase(), one) }))
    .toSorted((a, b) => a.changes - b.changes)
    .slice(0, 3)
    .map(({ one }) => one)

/** Levenshtein's. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1]
    for (const [j, other] of Array.from(b).entries()) {
      const swap = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(swap, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

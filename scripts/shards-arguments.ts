// What npm run shards is asked to do, as its arguments say it.

import { bucketCount } from '../lib/domain/todo-id.ts'
import { parseOptions, UsageError } from './command-line.ts'
import { yesOption } from './confirm.ts'

export const usage = `usage: npm run shards [-- init | finish-adoption | add NAME | remove NAME | move [BUCKET... SHARD]] [-- --yes]
Prints which shard of DATABASE_SHARDS has which partitions of the command log and how many buckets of others,
which moves are not finished, and whether each shard is there.
  init              makes the map, and names each shard: DATABASE_URL and all shards must be migrated and
                    empty; begun anew after a failure, it goes on
  init --adopt NAME makes the map for a DATABASE_URL that has todos: NAME, a copy of the whole database that was
                    made since all workers were stopped, gets all partitions; begun anew, it goes on
  finish-adoption   deletes what DATABASE_URL still has of todos then: once all servers and workers have been
                    started with DATABASE_SHARDS
  add NAME          a shard of DATABASE_SHARDS, migrated and empty, joins the map, with nothing in it yet: give
                    it some with move. Servers and workers whose DATABASE_SHARDS has it take it within seconds
  remove NAME       a shard that was added, and has nothing, leaves the map
  move BUCKET... SHARD
                    moves buckets, from 0 to ${bucketCount - 1}, to a shard while servers and workers run; one after
                    the other: writes of the bucket's partition wait meanwhile, none is refused. What was
                    interrupted is finished first; move alone does just that
  move --count N FROM TO
                    moves N buckets, those that have most todos
  --partitions N    of the command log; KAFKA_PARTITIONS without it
  -y, --yes         write to the default database, where DATABASE_URL is not set
Exit codes: 0 done, 1 failed, or a shard is not as the map says, 2 wrong usage, or not told where to write.`

export type WantedMoves =
  | { readonly buckets: readonly number[]; readonly to: string }
  | { readonly count: number; readonly from: string; readonly to: string }

export type Request =
  | { readonly kind: 'print' }
  | {
      readonly kind: 'init'
      readonly partitions: number | undefined
      /** The shard that is a copy. */
      readonly adopts: string | undefined
      readonly isConfirmed: boolean
    }
  | { readonly kind: 'finish-adoption'; readonly isConfirmed: boolean }
  | {
      readonly kind: 'add' | 'remove'
      readonly name: string
      readonly isConfirmed: boolean
    }
  | {
      readonly kind: 'move'
      /** Undefined: to finish what was begun. */
      readonly wanted: WantedMoves | undefined
      readonly isConfirmed: boolean
    }

export const parseRequest = (args: readonly string[]): Request => {
  const { values, positionals } = parseOptions(
    args,
    {
      ...yesOption,
      partitions: { type: 'string' },
      adopt: { type: 'string' },
      count: { type: 'string' },
    },
    { allowPositionals: true },
  )
  const [kind = 'print', ...rest] = positionals
  const { partitions, adopt, count, yes: isConfirmed = false } = values
  if (partitions !== undefined && (kind !== 'init' || adopt !== undefined))
    throw new UsageError('--partitions is for init of empty databases')
  if (adopt !== undefined && kind !== 'init') throw new UsageError('--adopt is for init')
  if (count !== undefined && kind !== 'move') throw new UsageError('--count is for move')
  switch (kind) {
    case 'move':
      return { kind, wanted: wantedMoves(rest, count), isConfirmed }
    case 'add':
    case 'remove': {
      const [name = ''] = takeAtMost(1, rest)
      if (name === '') throw new UsageError(`give the name of the shard to ${kind}`)
      return { kind, name, isConfirmed }
    }
    case 'init':
      takeAtMost(0, rest)
      if (partitions !== undefined && !/^[1-9]\d{0,2}$/.test(partitions))
        throw new UsageError(`"${partitions}" is not a number of partitions from 1 to 999`)
      return {
        kind,
        partitions: partitions === undefined ? undefined : Number(partitions),
        adopts: adopt,
        isConfirmed,
      }
    case 'finish-adoption':
      takeAtMost(0, rest)
      return { kind, isConfirmed }
    case 'print':
      if (positionals.length > 0) throw new UsageError('"print" is not a command')
      return { kind }
    default:
      throw new UsageError(`"${kind}" is not a command`)
  }
}

const takeAtMost = (count: number, rest: readonly string[]): readonly string[] => {
  if (rest.length > count) throw new UsageError(`"${rest[count]}" is one too many`)
  return rest
}

const wantedMoves = (
  rest: readonly string[],
  count: string | undefined,
): WantedMoves | undefined => {
  if (count !== undefined) {
    const [from, to] = takeAtMost(2, rest)
    if (!/^[1-9]\d{0,3}$/.test(count))
      throw new UsageError(`"${count}" is not a number of buckets from 1 to 9999`)
    if (from === undefined || to === undefined)
      throw new UsageError('give the shard that the buckets are in, and the one that they go to')
    return { count: Number(count), from, to }
  }
  const to = rest.at(-1)
  if (to === undefined) return undefined
  const buckets = rest.slice(0, -1).map((text) => {
    const bucket = Number(text)
    if (!/^\d{1,4}$/.test(text) || bucket >= bucketCount)
      throw new UsageError(`"${text}" is not a bucket from 0 to ${bucketCount - 1}`)
    return bucket
  })
  if (buckets.length === 0) throw new UsageError(`give the buckets that are to go to ${to}`)
  return { buckets: [...new Set(buckets)], to }
}

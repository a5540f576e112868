// Buckets that go from shard to shard while their todos are written, as an operator moves them: by a command
// that ends, and by one that is killed anywhere and run again. A third shard joins, and leaves.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { bucketCount, bucketOfOwner } from '../../../lib/domain/todo-id.ts'
import { repository } from '../../../scripts/paths.ts'
import type { Draw, Fault } from './fault.ts'
import { joiningShard, shardNames } from './services.ts'
import type { System } from './system.ts'

/** Those of the clients' own todos. Public ones are in buckets at random. */
const owners = ['ann', 'bob'].map(bucketOfOwner)
const publicBuckets = 6
/** Loading the command takes some 0.5 s, and each bucket some 50 ms. */
const killedAfterMsMin = 400
const killedAfterMsMax = 1_600

export const moveFaults = (system: System): Fault[] => [
  {
    name: 'buckets moved to another shard',
    async begin(draw) {
      const wanted = drawBuckets(draw, shardsOf(system))
      await run(system, ['move', ...wanted])
      return wanted.join(' ')
    },
  },
  {
    name: 'a shard joins by a command that is killed, or leaves by one',
    async begin(draw) {
      const isLeaving = system.hasJoined
      const change = isLeaving ? 'remove' : 'add'
      if (isLeaving)
        await run(system, ['move', '--count', String(bucketCount), joiningShard, shardNames[0]])
      const killed = start(system, [change, joiningShard])
      await delay(killedAfterMsMin + draw(killedAfterMsMax))
      killed.child.kill('SIGKILL')
      await killed.exited
      // Its last events may not be appended yet.
      await run(system, [change, joiningShard], /try again|would be lost/)
      system.hasJoined = !isLeaving
      if (!isLeaving) await run(system, ['move', ...drawBuckets(draw, [joiningShard])])
      return isLeaving ? 'left' : 'joined'
    },
  },
  {
    name: 'buckets moved by a command that is killed, and run again',
    async begin(draw) {
      const wanted = drawBuckets(draw, shardsOf(system))
      const killed = start(system, ['move', ...wanted])
      await delay(killedAfterMsMin + draw(killedAfterMsMax))
      killed.child.kill('SIGKILL')
      await killed.exited
      return wanted.join(' ')
    },
    lastsMs: (draw) => draw(killedAfterMsMax),
    end: () => run(system, ['move']),
  },
]

const shardsOf = ({ hasJoined }: System): string[] => [
  ...shardNames,
  ...(hasJoined ? [joiningShard] : []),
]

const drawBuckets = (draw: Draw, shards: readonly string[]): string[] => {
  const others = Array.from({ length: publicBuckets }, () => draw(bucketCount))
  const shard = shards[draw(shards.length)] as string
  return [...[...owners.filter(() => draw(2) === 0), ...others].map(String), shard]
}

/** A worker may be frozen meanwhile, and with it a partition: then the command says to try again. */
const triedForMs = 60_000

const run = async (
  system: System,
  args: readonly string[],
  passes = /try again/,
): Promise<void> => {
  for (const deadline = performance.now() + triedForMs; ;) {
    const { exited, output } = start(system, args)
    if ((await exited) === 0) return
    if (!passes.test(output()) || performance.now() > deadline)
      throw new Error(`npm run shards -- ${args.join(' ')} failed: ${output()}`)
  }
}

const start = (system: System, args: readonly string[]) => {
  const script = fileURLToPath(new URL('scripts/shards.ts', repository))
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, ...system.environment },
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (printed += text))
  const exited = once(child, 'close').then(([code]) => code as number | null)
  return { child, exited, output: () => printed }
}

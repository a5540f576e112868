// Buckets that go from shard to shard while their todos are written, as an operator moves them: by a command
// that ends, and by one that is killed anywhere and run again.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { bucketCount, bucketOfOwner } from '../../../lib/domain/todo-id.ts'
import { repository } from '../../../scripts/paths.ts'
import type { Draw, Fault } from './fault.ts'
import { shardNames } from './services.ts'
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
      const wanted = drawBuckets(draw)
      await move(system, wanted)
      return wanted.join(' ')
    },
  },
  {
    name: 'buckets moved by a command that is killed, and run again',
    async begin(draw) {
      const wanted = drawBuckets(draw)
      const killed = start(system, wanted)
      await delay(killedAfterMsMin + draw(killedAfterMsMax))
      killed.child.kill('SIGKILL')
      await killed.exited
      return wanted.join(' ')
    },
    lastsMs: (draw) => draw(killedAfterMsMax),
    end: () => move(system, []),
  },
]

const drawBuckets = (draw: Draw): string[] => {
  const others = Array.from({ length: publicBuckets }, () => draw(bucketCount))
  const shard = shardNames[draw(shardNames.length)] as string
  return [...[...owners.filter(() => draw(2) === 0), ...others].map(String), shard]
}

/** A worker may be frozen meanwhile, and with it a partition: then the command says to try again. */
const triedForMs = 60_000

const move = async (system: System, wanted: readonly string[]): Promise<void> => {
  for (const deadline = performance.now() + triedForMs; ;) {
    const { exited, output } = start(system, wanted)
    if ((await exited) === 0) return
    if (!output().includes('try again') || performance.now() > deadline)
      throw new Error(`npm run shards -- move failed: ${output()}`)
  }
}

const start = (system: System, wanted: readonly string[]) => {
  const script = fileURLToPath(new URL('scripts/shards.ts', repository))
  const child = spawn(process.execPath, [script, 'move', ...wanted], {
    env: { ...process.env, ...system.environment },
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (printed += text))
  const exited = once(child, 'close').then(([code]) => code as number | null)
  return { child, exited, output: () => printed }
}

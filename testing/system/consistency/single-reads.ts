// Readers of one todo at a time, and what they must not see: a todo that has gone back to an earlier
// revision, or is there again after somebody found it deleted. Each read names nothing, so it shows all
// that was committed when it began, on whatever process and database server it ends.

import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { seeded } from '../../seeded.ts'
import { exchange, type Clients } from './clients.ts'

export type SingleRead = {
  readonly path: string
  /** It is there, or is not. */
  readonly revision: number | 'none'
  readonly startMs: number
  readonly endMs: number
}

export type SingleReaders = {
  readonly reads: readonly SingleRead[]
  /** Resolves when each has finished what it was doing. */
  stop(): Promise<void>
}

const pauseMs = 30

export const startSingleReaders = (
  port: number,
  clients: Pick<Clients, 'someTodo'>,
  count: number,
  random: ReturnType<typeof seeded>,
): SingleReaders => {
  const reads: SingleRead[] = []
  let isStopped = false
  const read = async () => {
    const agent = new Agent({ keepAlive: true })
    while (!isStopped) {
      const todo = clients.someTodo(random)
      const startMs = performance.now()
      const answer =
        todo &&
        (await exchange(agent, port, 'GET', todo.path, '', todo.userId).catch(() => undefined))
      const endMs = performance.now()
      if (todo && (answer?.status === 200 || answer?.status === 404)) {
        const revision = answer.status === 404 ? 'none' : Number(/^"(\d+)"$/.exec(answer.etag)?.[1])
        reads.push({ path: todo.path, revision, startMs, endMs })
      }
      await delay(pauseMs)
    }
    agent.destroy()
  }
  const running = Array.from({ length: count }, read)
  return {
    reads,
    async stop() {
      isStopped = true
      await Promise.all(running)
    },
  }
}

/** What each read shows that one which ended before it began rules out. */
export const singleReadsGoOn = (reads: readonly SingleRead[]): string[] => {
  const byPath = new Map<string, SingleRead[]>()
  for (const read of reads) byPath.set(read.path, [...(byPath.get(read.path) ?? []), read])
  return [...byPath.values()].flatMap(oneGoesOn)
}

const oneGoesOn = (reads: readonly SingleRead[]): string[] => {
  const ended = reads.toSorted((a, b) => a.endMs - b.endMs)
  let highest = 0
  let isGone = false
  let next = 0
  return reads
    .toSorted((a, b) => a.startMs - b.startMs)
    .flatMap(({ path, revision, startMs }) => {
      for (; (ended[next]?.endMs ?? Infinity) < startMs; next++) {
        const earlier = ended[next]?.revision ?? 'none'
        // One that was never seen may be not there yet.
        if (earlier === 'none') isGone ||= highest > 0
        else highest = Math.max(highest, earlier)
      }
      if (revision === 'none') return []
      if (isGone) return [`${path} is there again, in revision ${revision}`]
      return revision >= highest
        ? []
        : [`${path} went back from revision ${highest} to ${revision}`]
    })
}

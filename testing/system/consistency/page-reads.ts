// Readers of pages who say what they have seen, and what they must not see: a page of an earlier version
// than that, or two pages of one version that differ. A replica may answer them, and no cache of a replica
// that has diverged.

import { createHash } from 'node:crypto'
import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { seeded } from '../../seeded.ts'
import { exchange, versionOf, type tokens } from './clients.ts'

export type PageReaders = {
  /** Pages that were read so far. */
  count(): number
  readonly violations: readonly string[]
  /** Resolves when each has finished what it was doing. */
  stop(): Promise<void>
}

const pauseMs = 30
const path = '/api/todos?limit=20'
const users = ['ann', 'bob'] as const satisfies readonly (keyof typeof tokens)[]

export const startPageReaders = (
  port: number,
  readers: number,
  random: ReturnType<typeof seeded>,
): PageReaders => {
  const violations: string[] = []
  /** By user and version. */
  const shown = new Map<string, string>()
  let count = 0
  let isStopped = false

  const read = async () => {
    const agent = new Agent({ keepAlive: true })
    const seen = { ann: 0, bob: 0 }
    while (!isStopped) {
      const user = users[random.below(users.length)] as (typeof users)[number]
      const headers = seen[user] > 0 ? { 'list-version-min': String(seen[user]) } : undefined
      const answer = await exchange(agent, port, 'GET', path, '', user, headers).catch(
        () => undefined,
      )
      if (answer?.status === 200) {
        count++
        const version = versionOf(answer)
        if (version < seen[user]) violations.push(`${user}: ${version} after ${seen[user]}`)
        seen[user] = Math.max(seen[user], version)
        const hash = createHash('sha256').update(answer.text).digest('base64')
        const name = `${user} ${version}`
        if ((shown.get(name) ?? hash) !== hash) violations.push(`${name} is two different pages`)
        shown.set(name, hash)
      }
      await delay(pauseMs)
    }
    agent.destroy()
  }
  const running = Array.from({ length: readers }, read)
  return {
    count: () => count,
    violations,
    async stop() {
      isStopped = true
      await Promise.all(running)
    },
  }
}

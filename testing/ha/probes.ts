// Clients of the drill that measure: keyed writes and accounts, each tried until it is acknowledged, and
// the times at which a newer list was seen.

import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { exchange, versionOf } from '../system/consistency/clients.ts'
import type { Operation } from '../system/consistency/evidence.ts'

const pauseMs = 100
const retryMs = 200

export type Probes = {
  /** One for each key, acknowledged in the end. */
  readonly keyed: readonly Operation[]
  /** How often a key was sent again. */
  resent(): number
  /** Email addresses that were answered 201. */
  readonly registered: readonly string[]
  /** When a list was newer than all before. */
  readonly newerAtMs: readonly number[]
  stop(): Promise<void>
}

export const startProbes = (port: number): Probes => {
  const keyed: Operation[] = []
  const registered: string[] = []
  const newerAtMs: number[] = []
  let resent = 0
  let isStopped = false

  /** Asks on a new connection each time: in whichever process. */
  const ask = async (...[method, path, body, headers]: Ask) => {
    const agent = new Agent({ keepAlive: false })
    try {
      return await exchange(agent, port, method, path, body, 'ann', headers)
    } catch {
      return undefined
    } finally {
      agent.destroy()
    }
  }

  const writeKeyed = async () => {
    for (let n = 0; !isStopped; n++) {
      const title = `keyed-${n}`
      const startMs = performance.now()
      const headers = { 'idempotency-key': title, prefer: 'respond-async' }
      for (let isFirst = true; ; isFirst = false) {
        if (!isFirst) resent++
        const answer = await ask('POST', '/api/todos', JSON.stringify({ title }), headers)
        if (answer?.status !== 202) {
          await delay(retryMs)
          continue
        }
        keyed.push({
          kind: 'create',
          userId: 'ann',
          isPersonal: true,
          todoId: (JSON.parse(answer.text) as { id: string }).id,
          title,
          description: undefined,
          completed: undefined,
          ifRevision: undefined,
          startMs,
          endMs: performance.now(),
          outcome: 'ok',
          answered: undefined,
        })
        break
      }
      await delay(pauseMs)
    }
  }

  const register = async () => {
    for (let n = 0; !isStopped; n++) {
      const email = `drill-${n}@example.com`
      const body = JSON.stringify({ email, password: 'correct horse battery staple' })
      const answer = await ask('POST', '/auth/register', body)
      if (answer?.status === 201) registered.push(email)
      await delay(answer?.status === 201 ? pauseMs : retryMs)
    }
  }

  const watchLists = async () => {
    let newest = 0
    while (!isStopped) {
      const answer = await ask('GET', '/todos?limit=1')
      const version = answer?.status === 200 ? versionOf(answer) : 0
      if (version > newest) newerAtMs.push(performance.now())
      newest = Math.max(newest, version)
      await delay(pauseMs)
    }
  }

  const running = [writeKeyed(), register(), watchLists()]
  return {
    keyed,
    resent: () => resent,
    registered,
    newerAtMs,
    async stop() {
      isStopped = true
      await Promise.all(running)
    },
  }
}

type Ask = [method: string, path: string, body?: string, headers?: Readonly<Record<string, string>>]

/** The longest time between two of these after `fromMs`, the time until the first of them included. */
export const longestGapMs = (timesMs: readonly number[], fromMs: number): number => {
  const sorted = [fromMs, ...timesMs.filter((one) => one > fromMs).sort((a, b) => a - b)]
  return Math.max(0, ...sorted.slice(1).map((one, i) => one - (sorted[i] ?? one)))
}

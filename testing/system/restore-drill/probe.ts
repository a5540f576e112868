// Reads the page of one owner again and again: for how long, seen from outside, a shard does not serve.

import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { exchange, type tokens } from '../consistency/clients.ts'

const everyMs = 100

export type Probe = {
  /** Reads that failed since it was asked last, of how many. */
  taken(): { readonly failed: number; readonly reads: number }
  /** Resolves with the next read that begins from now on and is answered. */
  served(): Promise<void>
  stop(): Promise<void>
}

export const startProbe = (port: number, owner: keyof typeof tokens): Probe => {
  let counts = { failed: 0, reads: 0 }
  let isStopped = false
  let waiting: (() => void)[] = []
  const read = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    while (!isStopped) {
      const those = waiting
      waiting = []
      const answer = await exchange(agent, port, 'GET', '/api/todos', '', owner).catch(
        () => undefined,
      )
      counts.reads++
      if (answer?.status === 200) for (const tell of those) tell()
      else {
        counts.failed++
        waiting.push(...those)
      }
      await delay(everyMs)
    }
    agent.destroy()
  }
  const running = read()
  return {
    taken() {
      const taken = counts
      counts = { failed: 0, reads: 0 }
      return taken
    },
    served: () => new Promise((resolve) => void waiting.push(resolve)),
    async stop() {
      isStopped = true
      await running
    },
  }
}

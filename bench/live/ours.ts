// Our server and worker as a system that events are measured on.

import { readScenario } from '../scenario.ts'
import { startTarget } from '../target.ts'
import { heldKib, probeOptions } from './held-memory.ts'
import { post } from './post.ts'
import type { LiveSystem } from './system.ts'

export const startOurs = async (
  options: {
    readonly engine: 'uws' | 'node'
    readonly services: 'embedded' | 'real'
    readonly clients: number
  },
  /** Where its processes leave what they hold. */
  directory: string,
  signal: AbortSignal,
): Promise<LiveSystem> => {
  const { engine, services, clients } = options
  const socketsMax = String(clients + 100)
  const settings = {
    HTTP_ENGINE: engine,
    HTTP_PROCESSES: '1',
    LIVE_SOCKETS_MAX: socketsMax,
    LIVE_SOCKETS_PER_ADDRESS_MAX: socketsMax,
    NODE_OPTIONS: probeOptions(directory),
  }
  const scenario = { ...readScenario('writes'), todos: 0, services, engine, settings }
  const target = await startTarget(scenario, { signal, say: console.log })
  const port = Number(new URL(target.origin).port)
  const headers = { Authorization: `Bearer ${target.token}` }
  const pid = target.tiers.get('server')?.pids[0] ?? 0
  return {
    name: `ours (${engine})`,
    port,
    pid,
    pids: [...target.tiers.values()].flatMap(({ pids }) => pids),
    memory: {
      how: "RSS after a garbage collection, without what is free in V8's heap",
      kib: () => heldKib(pid, directory),
    },
    path: '/v1/live',
    hello: [JSON.stringify({ type: 'subscribe', channel: 'todos' })],
    subscribedMark: '"subscribed"',
    publish: (title) =>
      post(port, '/todos', { headers, expected: 202 }, JSON.stringify({ title, description: '' })),
    stop: () => target.stop(),
  }
}

// A real Redis as production would use it here: a cache, so nothing is kept on disk.
// A killed one comes back empty, which is a state the server has to survive.

import { loopback, ask, freePort } from './ports.ts'
import { ServiceMissing, findProgram, startService, type Service } from './service.ts'

const startTimeoutMs = 10_000
const stopTimeoutMs = 5_000

export type RedisSettings = Readonly<Record<string, string | number>>

export const startRedis = async (options: {
  directory: string
  port?: number
  /** A node of a cluster, which has no slots yet. */
  isClusterNode?: boolean
  settings?: RedisSettings
  /** Of a Sentinel: it keeps what it learns there. */
  sentinelFile?: string
}): Promise<Service> => {
  const command = findProgram('redis-server')
  if (command === undefined) {
    throw new ServiceMissing(
      'redis',
      'install redis-server (apt-get install redis-server, brew install redis)',
    )
  }
  const port = options.port ?? (await freePort())
  const settings = {
    bind: loopback,
    port,
    dir: options.directory,
    ...(options.sentinelFile === undefined && { save: '', appendonly: 'no' }),
    ...(options.isClusterNode && { 'cluster-enabled': 'yes' }),
    ...options.settings,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  return startService({
    name: 'redis',
    url: `redis://${loopback}:${port}/0`,
    port,
    directory: options.directory,
    command,
    args: options.sentinelFile === undefined ? args : [options.sentinelFile, '--sentinel', ...args],
    answers: async () => {
      const reply = await ask(port, 'PING\r\n')
      if (!reply.startsWith('+PONG')) throw new Error(`PING was answered ${reply}`)
    },
    startTimeoutMs: startTimeoutMs,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: stopTimeoutMs,
  })
}

// A real Redis as production would use it here: a cache, so nothing is kept on disk.
// A killed one comes back empty, which is a state the server has to survive.

import { readFileSync } from 'node:fs'
import { loopback, ask, freePort } from './ports.ts'
import { ServiceMissing, findProgram, startService, type Service } from './service.ts'

const startTimeoutMs = 10_000
const stopTimeoutMs = 5_000

export type RedisSettings = Readonly<Record<string, string | number>>

/** One certificate is a server's, and a client's to the other nodes, which all ask for one. */
export type RedisTlsFiles = {
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

export const startRedis = async (options: {
  directory: string
  port?: number
  /** A node of a cluster, which has no slots yet. */
  isClusterNode?: boolean
  settings?: RedisSettings
  /** On this port and no other. */
  tls?: RedisTlsFiles | undefined
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
  const settings: RedisSettings = {
    bind: loopback,
    ...(options.tls ? tlsSettings(port, options.tls) : { port }),
    dir: options.directory,
    ...(options.sentinelFile === undefined && { save: '', appendonly: 'no' }),
    ...(options.isClusterNode && { 'cluster-enabled': 'yes' }),
    ...options.settings,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  return startService({
    name: 'redis',
    url: `${options.tls ? 'rediss' : 'redis'}://${loopback}:${port}/0`,
    port,
    directory: options.directory,
    command,
    args: options.sentinelFile === undefined ? args : [options.sentinelFile, '--sentinel', ...args],
    answers: async () => {
      const reply = await askRedis(port, 'PING', options.tls)
      if (!reply.startsWith('+PONG')) throw new Error(`PING was answered ${reply}`)
    },
    startTimeoutMs: startTimeoutMs,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: stopTimeoutMs,
  })
}

const tlsSettings = (
  port: number,
  { caFile, certFile, keyFile }: RedisTlsFiles,
): RedisSettings => ({
  port: 0,
  'tls-port': port,
  'tls-ca-cert-file': caFile,
  'tls-cert-file': certFile,
  'tls-key-file': keyFile,
  'tls-auth-clients': 'yes',
  'tls-replication': 'yes',
  'tls-cluster': 'yes',
})

/** One command, in words. */
export const askRedis = (port: number, words: string, tls?: RedisTlsFiles): Promise<string> =>
  ask(
    port,
    `${words}\r\n`,
    tls && {
      ca: readFileSync(tls.caFile),
      cert: readFileSync(tls.certFile),
      key: readFileSync(tls.keyFile),
    },
  )

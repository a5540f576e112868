// Redis processes that belong together: masters, replicas, Sentinels. Each can be killed, frozen and
// started again on its port, as hosts of a real system are.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, isFree } from './ports.ts'
import { askRedis, startRedis, type RedisTlsFiles } from './redis.ts'
import type { Service } from './service.ts'

export type RedisNode = {
  readonly port: number
  /** The one that runs, or ran last. */
  service(): Service
  /** One command, in words; rejects with an error reply. */
  command(words: string): Promise<string>
  kill(): Promise<void>
  freeze(): void
  thaw(): void
  startAgain(): Promise<void>
}

export type RedisNodes = {
  add(settings: NodeSettings): Promise<RedisNode>
  stop(): Promise<void>
}

type NodeSettings = Omit<Parameters<typeof startRedis>[0], 'directory' | 'tls'> & {
  /** Writes what it starts from, once. */
  readonly prepare?: (directory: string) => Promise<Partial<Parameters<typeof startRedis>[0]>>
}

export const createRedisNodes = (directory: string, tls?: RedisTlsFiles): RedisNodes => {
  const running = new Set<() => Promise<void>>()
  let made = 0
  return {
    async add({ prepare, port: wanted, ...settings }) {
      const own = join(directory, String(made++))
      await mkdir(own, { recursive: true })
      const port = wanted ?? (settings.isClusterNode ? await clusterPort() : await freePort())
      const prepared = await prepare?.(own)
      const start = () => startRedis({ directory: own, port, tls, ...settings, ...prepared })
      let service = await start()
      running.add(() => service.stop())
      return {
        port,
        service: () => service,
        async command(words) {
          const reply = await askRedis(port, words, tls)
          if (reply.startsWith('-')) throw new Error(`${words}: ${reply.trim()}`)
          return reply
        },
        async kill() {
          service.kill('SIGKILL')
          await service.exited
        },
        freeze: () => service.kill('SIGSTOP'),
        thaw: () => service.kill('SIGCONT'),
        async startAgain() {
          service = await start()
        },
      }
    },
    async stop() {
      await Promise.all([...running].map((stop) => stop()))
    },
  }
}

/** The nodes of a cluster talk to each other on a port of their own, so much above. */
const busPortAbove = 10_000
/** From here on Linux takes ports for outgoing connections. */
const localPortsFrom = 32_768

const clusterPort = async (): Promise<number> => {
  for (;;) {
    const port = await freePort()
    const busPort = port + busPortAbove
    if (busPort < localPortsFrom && (await isFree(busPort))) return port
  }
}

const pollIntervalMs = 50
const waitTimeoutMs = 30_000

/** Until nodes agree on something. */
export const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + waitTimeoutMs
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`redis: no ${what} in ${waitTimeoutMs} ms`)
    await delay(pollIntervalMs)
  }
}

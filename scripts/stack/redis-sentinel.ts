// A master, its replicas and three Sentinels, as production has them on hosts of their own. Sentinels are
// quicker here to call a master down than anybody would set them: tests wait for it.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loopback, nextFreePorts } from './ports.ts'
import type { RedisTlsFiles } from './redis.ts'
import { createRedisNodes, until, type RedisNode } from './redis-nodes.ts'

export type RedisSentinels = {
  /** `redis+sentinel://…`, as REDIS_URL has it. */
  readonly url: string
  readonly masterName: string
  /** Data nodes; which of them is the master changes. */
  readonly nodes: readonly RedisNode[]
  readonly sentinels: readonly RedisNode[]
  /** What the first Sentinel that answers says. */
  master(): Promise<RedisNode>
  stop(): Promise<void>
}

const masterName = 'todos'
const sentinelCount = 3
const quorum = 2

export const startRedisSentinels = async (options: {
  directory: string
  replicas?: number
  downAfterMs?: number
  /** Of the first master; its replica has the next that is free. */
  port?: number
  /** Of the first Sentinel. */
  sentinelPort?: number
  tls?: RedisTlsFiles | undefined
}): Promise<RedisSentinels> => {
  const { replicas = 1, downAfterMs = 500, port, sentinelPort } = options
  const ports = port === undefined ? [] : await nextFreePorts(port, 1 + replicas)
  const sentinelPorts =
    sentinelPort === undefined ? [] : await nextFreePorts(sentinelPort, sentinelCount)
  const all = createRedisNodes(options.directory, options.tls)
  try {
    // A first sync without the pause in which others could join it.
    const settings = { 'repl-diskless-sync-delay': 0 }
    const first = await all.add({ settings, ...portOf(ports[0]) })
    const others = await Promise.all(
      Array.from({ length: replicas }, (_, n) =>
        all.add({
          ...portOf(ports[n + 1]),
          settings: { ...settings, replicaof: `${loopback} ${first.port}` },
        }),
      ),
    )
    const nodes = [first, ...others]
    await until('replica in sync', async () =>
      (await first.command('INFO replication')).includes(`connected_slaves:${replicas}`),
    )
    const sentinels = await Promise.all(
      Array.from({ length: sentinelCount }, (_, n) =>
        all.add({
          ...portOf(sentinelPorts[n]),
          async prepare(directory) {
            const sentinelFile = join(directory, 'sentinel.conf')
            await writeFile(
              sentinelFile,
              `sentinel monitor ${masterName} ${loopback} ${first.port} ${quorum}\n` +
                `sentinel down-after-milliseconds ${masterName} ${downAfterMs}\n` +
                `sentinel failover-timeout ${masterName} 5000\n`,
            )
            return { sentinelFile }
          },
        }),
      ),
    )
    const knows = async (sentinel: RedisNode) => {
      const said = await sentinel.command(`SENTINEL MASTER ${masterName}`)
      const count = (field: string) =>
        Number(new RegExp(`${field}\\r\\n\\$\\d+\\r\\n(\\d+)`).exec(said)?.[1])
      return count('num-slaves') === replicas && count('num-other-sentinels') === sentinelCount - 1
    }
    await until('agreement of the Sentinels', async () =>
      (await Promise.all(sentinels.map(knows))).every(Boolean),
    )
    const master = async () => {
      for (const sentinel of sentinels) {
        const said = await sentinel
          .command(`SENTINEL GET-MASTER-ADDR-BY-NAME ${masterName}`)
          .catch(() => '')
        const found = nodes.find(({ port }) => said.includes(`\r\n${port}\r\n`))
        if (found) return found
      }
      throw new Error('no Sentinel says where the master is')
    }
    const hosts = sentinels.map(({ port }) => `${loopback}:${port}`).join()
    return {
      url: `${options.tls ? 'rediss' : 'redis'}+sentinel://${hosts}/${masterName}/0`,
      masterName,
      nodes,
      sentinels,
      master,
      stop: all.stop,
    }
  } catch (error) {
    await all.stop()
    throw error
  }
}

const portOf = (port: number | undefined) => (port === undefined ? {} : { port })

// A Redis Cluster: three masters with a replica each. Slots can be moved from one to another, as a
// resharding does it, and nodes can be added.

import { slotCount, slotOf } from '../../lib/drivers/redis/slot.ts'
import { loopback, nextFreePorts } from './ports.ts'
import type { RedisTlsFiles } from './redis.ts'
import { createRedisNodes, until, type RedisNode } from './redis-nodes.ts'

export type RedisCluster = {
  /** `redis+cluster://…`, as REDIS_URL has it: the first three nodes. */
  readonly url: string
  readonly nodes: readonly RedisNode[]
  /** The master that has the slot of `key`, as a node sees it that answers. */
  masterOf(key: string): Promise<RedisNode>
  /** The replicas of a master. */
  replicasOf(master: RedisNode): Promise<readonly RedisNode[]>
  /** One more master, without slots. */
  addNode(): Promise<RedisNode>
  /** Begins to move the slot of `key`: from then on both ends redirect. */
  beginMove(key: string, to: RedisNode): Promise<SlotMove>
  stop(): Promise<void>
}

export type SlotMove = {
  /** Moves keys that are there, each at once, and then the slot. */
  finish(): Promise<void>
}

const masterCount = 3
/** Keys that one step of a move takes along. */
const keysAtOnce = 100
const migrateTimeoutMs = 5_000

export const startRedisCluster = async (options: {
  directory: string
  nodeTimeoutMs?: number
  /** Of the first node; the others have the next that are free. */
  port?: number
  tls?: RedisTlsFiles | undefined
}): Promise<RedisCluster> => {
  const { nodeTimeoutMs = 1_000, port } = options
  const ports = port === undefined ? [] : await nextFreePorts(port, 2 * masterCount)
  const all = createRedisNodes(options.directory, options.tls)
  const start = (port?: number) =>
    all.add({
      ...(port !== undefined && { port }),
      isClusterNode: true,
      settings: {
        'cluster-node-timeout': nodeTimeoutMs,
        'repl-diskless-sync-delay': 0,
      },
    })
  try {
    const nodes = await Promise.all(
      Array.from({ length: 2 * masterCount }, (_, n) => start(ports[n])),
    )
    const [first] = nodes as [RedisNode, ...RedisNode[]]
    const slotsEach = Math.ceil(slotCount / masterCount)
    for (const [i, node] of nodes.entries()) {
      await node.command(`CLUSTER SET-CONFIG-EPOCH ${i + 1}`)
      if (i < masterCount) {
        const last = Math.min((i + 1) * slotsEach, slotCount) - 1
        await node.command(`CLUSTER ADDSLOTSRANGE ${i * slotsEach} ${last}`)
      }
    }
    for (const { port } of nodes.slice(1)) {
      await first.command(`CLUSTER MEET ${loopback} ${port}`)
    }
    const ids = new Map<RedisNode, string>()
    for (const node of nodes) ids.set(node, await idOf(node))
    const idOfNode = (node: RedisNode) => ids.get(node) as string
    const seenBy = async (node: RedisNode) => node.command('CLUSTER NODES')
    await until('gossip of all nodes', async () => {
      const seen = await Promise.all(nodes.map(seenBy))
      return seen.every((text) =>
        nodes.every((node) => new RegExp(`^${idOfNode(node)} .*connected`, 'm').test(text)),
      )
    })
    for (const [i, node] of nodes.entries()) {
      if (i < masterCount) continue
      await node.command(`CLUSTER REPLICATE ${idOfNode(nodes[i - masterCount] as RedisNode)}`)
    }
    const isUp = async (node: RedisNode) =>
      (await node.command('CLUSTER INFO')).includes('cluster_state:ok')
    await until('cluster that is up, with replicas', async () => {
      const states = await Promise.all(nodes.map(isUp))
      const links = await Promise.all(
        nodes.slice(masterCount).map((node) => node.command('INFO replication')),
      )
      const seen = await seenBy(first)
      return (
        states.every(Boolean) &&
        links.every((text) => text.includes('master_link_status:up')) &&
        [...seen.matchAll(/^\w+ \S+ \S*slave/gm)].length === masterCount
      )
    })

    /** As the first node sees it that answers, and is not cut off. */
    const answering = (): Promise<string> =>
      Promise.any(
        nodes.map(async (node) => {
          if (!(await isUp(node))) throw new Error(`the cluster is down at ${node.port}`)
          return seenBy(node)
        }),
      )
    const nodeAt = (line: string): RedisNode | undefined =>
      nodes.find(({ port }) => line.includes(`${loopback}:${port}@`))
    const masterOf = async (key: string): Promise<RedisNode> => {
      const slot = slotOf(key)
      const line = (await answering())
        .split('\n')
        .find((one) => / (\S*,)?master /.test(one) && !/fail /.test(one) && hasSlot(one, slot))
      const found = line === undefined ? undefined : nodeAt(line)
      if (!found) throw new Error(`nobody has the slot of ${key}`)
      return found
    }
    return {
      url: `${options.tls ? 'rediss' : 'redis'}+cluster://${nodes
        .slice(0, masterCount)
        .map(({ port }) => `${loopback}:${port}`)
        .join()}`,
      nodes,
      masterOf,
      async replicasOf(master) {
        const lines = (await answering()).split('\n')
        return lines
          .filter((line) => / (\S*,)?slave /.test(line) && line.includes(idOfNode(master)))
          .map(nodeAt)
          .filter((one) => one !== undefined)
      },
      async addNode() {
        const node = await start()
        nodes.push(node)
        ids.set(node, await idOf(node))
        await node.command(`CLUSTER MEET ${loopback} ${first.port}`)
        await until('gossip of the new node', async () => {
          // Those that were killed have nothing to say.
          const seen = await Promise.all(nodes.map((one) => seenBy(one).catch(() => '')))
          return (
            (await isUp(node)) && seen.every((text) => text === '' || text.includes(idOfNode(node)))
          )
        })
        return node
      },
      async beginMove(key, to) {
        const slot = slotOf(key)
        const from = await masterOf(key)
        await to.command(`CLUSTER SETSLOT ${slot} IMPORTING ${idOfNode(from)}`)
        await from.command(`CLUSTER SETSLOT ${slot} MIGRATING ${idOfNode(to)}`)
        return {
          async finish() {
            for (;;) {
              const reply = await from.command(`CLUSTER GETKEYSINSLOT ${slot} ${keysAtOnce}`)
              const keys = [...reply.matchAll(/\$\d+\r\n([^\r]+)\r\n/g)].map(([, one]) => one)
              if (keys.length === 0) break
              const target = `${loopback} ${to.port}`
              await from.command(
                `MIGRATE ${target} "" 0 ${migrateTimeoutMs} REPLACE KEYS ${keys.join(' ')}`,
              )
            }
            for (const node of [to, from]) {
              await node.command(`CLUSTER SETSLOT ${slot} NODE ${idOfNode(to)}`)
            }
          },
        }
      },
      stop: all.stop,
    }
  } catch (error) {
    await all.stop()
    throw error
  }
}

const idOf = async (node: RedisNode): Promise<string> =>
  (await node.command('CLUSTER MYID')).split('\r\n')[1] as string

/** Slots stand at the end of a line: `0-5460 7000`. */
const hasSlot = (line: string, slot: number): boolean =>
  line
    .split(' ')
    .slice(8)
    .some((range) => {
      const [first, last = first] = range.split('-').map(Number)
      return first !== undefined && last !== undefined && slot >= first && slot <= last
    })

// Three nodes of Patroni, each behind gates of its own: what others reach of it, and how it reaches etcd.
// And how long to wait until one of them leads, and until all of them follow it.

import { eventually } from '../../eventually.ts'
import { startGate, type Gate } from '../../gate.ts'
import {
  startPatroni,
  type Front,
  type PatroniCluster,
  type PatroniNode,
} from '../../../scripts/stack/patroni.ts'

const nodeCount = 3
export const failoverTimeoutMs = 60_000
const rejoinTimeoutMs = 90_000

export type GatedPatroni = {
  readonly patroni: PatroniCluster
  readonly gatesOf: (node: PatroniNode) => readonly Gate[]
  stop(): Promise<void>
}

export const startGatedPatroni = async (directory: string): Promise<GatedPatroni> => {
  const gates: Gate[][] = []
  const shut = () => Promise.all(gates.flat().map((gate) => gate.shut()))
  const front: Front = async (node, _of, port) => {
    const gate = await startGate(port)
    gates[node] = [...(gates[node] ?? []), gate]
    return gate.port
  }
  const patroni = await startPatroni({ directory, nodeCount, front }).catch(
    async (error: unknown) => {
      await shut()
      throw error
    },
  )
  return {
    patroni,
    gatesOf: (node) => gates[patroni.nodes.indexOf(node)] ?? [],
    async stop() {
      await patroni.stop()
      await shut()
    },
  }
}

export const leaderOf = async (
  patroni: PatroniCluster,
  isWanted: (node: PatroniNode) => boolean = () => true,
): Promise<PatroniNode> => {
  const found = await eventually(
    () => patroni.leader(),
    (node) => node !== undefined && isWanted(node),
    failoverTimeoutMs,
  )
  return found as PatroniNode
}

export const synchronousStandbyOf = async ({ nodes }: PatroniCluster): Promise<PatroniNode> => {
  const found = await eventually(
    async () => {
      const reports = await Promise.all(nodes.map((node) => node.report()))
      return nodes[reports.findIndex((one) => one?.sync_standby === true)]
    },
    (node) => node !== undefined,
    rejoinTimeoutMs,
  )
  return found as PatroniNode
}

/** All nodes are there, on one timeline, and one of them is the synchronous standby. */
export const rejoined = (patroni: PatroniCluster, primary: PatroniNode) =>
  eventually(
    () => Promise.all(patroni.nodes.map(async (node) => ({ node, report: await node.report() }))),
    (all) => {
      const timelines = new Set(all.map(({ report }) => report?.timeline))
      return (
        timelines.size === 1 &&
        all.some(({ report }) => report?.sync_standby) &&
        all.every(
          ({ node, report }) =>
            report?.role === (node === primary ? 'primary' : 'replica') &&
            ['running', 'streaming'].includes(report.state),
        )
      )
    },
    rejoinTimeoutMs,
  )

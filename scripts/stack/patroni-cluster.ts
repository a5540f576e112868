// Three nodes of Patroni as one service to its clients, for `npm run services`.

import { startPatroni } from './patroni.ts'
import type { Cluster, Service } from './service.ts'

const nodeCount = 3

export const startPatroniCluster = async (place: {
  readonly directory: string
  readonly port: number
  readonly archiveDirectory: string | undefined
}): Promise<Cluster> => {
  const patroni = await startPatroni({ ...place, nodeCount, durable: true })
  // Together: a leader that goes first makes another lead.
  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= patroni.stop())
  const nodes = patroni.nodes.map((node): Service => {
    const { name, url, port } = node
    return { ...node.patroni(), name: `patroni of ${name}`, url, port, stop }
  })
  return { name: 'postgres', url: patroni.url, processes: [{ ...patroni.etcd, stop }, ...nodes] }
}

// How kafkajs 2.2.4 makes what it calls a cluster, for each of its producers, consumers and admins: an
// internal of it (src/index.js), behind a symbol that it does not export.

import type { Kafka } from 'kafkajs'

export type ClusterMaker<Cluster> = {
  /** May be replaced, for what `client` makes from then on. */
  create: (options: object) => Cluster
}

export const clusterMakerOf = <Cluster>(client: Kafka): ClusterMaker<Cluster> => {
  const symbol = Object.getOwnPropertySymbols(client).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  )
  if (symbol === undefined) throw new Error('this kafkajs is not 2.2.4: see cluster-maker.ts')
  const makers = client as unknown as Record<symbol, (options: object) => Cluster>
  return {
    get create() {
      return makers[symbol] as (options: object) => Cluster
    },
    set create(replacement) {
      makers[symbol] = replacement
    },
  }
}

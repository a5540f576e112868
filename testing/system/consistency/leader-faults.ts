// What can happen to those who lead where each store has several nodes: another one must take over, and all
// works meanwhile.

import { eventually } from '../../eventually.ts'
import type { RedisNode } from '../../../scripts/stack/redis-nodes.ts'
import type { RestartableService } from '../../restartable.ts'
import { aMoment, type Fault } from './fault.ts'
import { rejoined, synchronousStandbyOf } from './gated-patroni.ts'
import { nodeFaults, type NodeFault } from './node-faults.ts'
import type { HaStores } from './ha-stores.ts'
import { readPartitions, untilInSync } from './replicas.ts'
import type { BrokerName } from './services.ts'
import type { System } from './system.ts'

export const leaderFaults = (system: System, haStores: HaStores): Fault[] => [
  ...kafkaLeaderFaults(system),
  ...redisMasterFaults(haStores),
  ...nodeFaults(haStores.postgres).map((fault) => ofPostgres(fault, haStores)),
]

const kafkaLeaderFaults = (system: System): Fault[] => {
  let hurt: RestartableService | undefined
  const leader = async () => {
    const [partition] = await readPartitions(system.place())
    return (hurt = system.services.get(
      `kafka-${partition?.leader ?? 1}` as BrokerName,
    ) as RestartableService)
  }
  const inSync = () => untilInSync(system.place())
  return [
    {
      name: 'kafka: the leader of a partition killed',
      begin: async () => (await leader()).takeAway(),
      allWorksMeanwhile: true,
      async end() {
        await hurt?.giveBack()
        await inSync()
      },
    },
    {
      name: 'kafka: the leader of a partition frozen',
      begin: async () => (await leader()).freeze(),
      allWorksMeanwhile: true,
      async end() {
        hurt?.thaw()
        await inSync()
      },
    },
  ]
}

const redisMasterFaults = ({ redis }: HaStores): Fault[] => {
  let hurt: RedisNode | undefined
  const another = () =>
    eventually(
      () => redis.master().catch(() => hurt),
      (master) => master !== hurt,
    )
  const inSync = () =>
    eventually(
      async () => (await redis.master()).command('INFO replication').catch(() => ''),
      (text) => text.includes(`connected_slaves:${redis.nodes.length - 1}`),
    )
  const fault = (
    name: string,
    begin: (master: RedisNode) => unknown,
    end?: () => unknown,
  ): Fault => ({
    name: `redis: ${name}`,
    async begin() {
      hurt = await redis.master()
      await begin(hurt)
      await another()
    },
    allWorksMeanwhile: true,
    async end() {
      await end?.()
      await inSync()
    },
  })
  return [
    fault(
      'the master killed',
      (master) => master.kill(),
      () => hurt?.startAgain(),
    ),
    fault(
      'the master frozen',
      (master) => master.freeze(),
      () => hurt?.thaw(),
    ),
    fault('a failover that is asked for', () =>
      redis.sentinels[0]?.command(`SENTINEL FAILOVER ${redis.masterName}`),
    ),
    {
      name: 'redis: every Sentinel killed',
      begin: () => Promise.all(redis.sentinels.map((one) => one.kill())),
      lastsMs: aMoment,
      allWorksMeanwhile: true,
      end: () => Promise.all(redis.sentinels.map((one) => one.startAgain())),
    },
  ]
}

const ofPostgres = (fault: NodeFault, haStores: HaStores): Fault => {
  const { patroni } = haStores.postgres
  let hurt = haStores.primary()
  return {
    name: `postgres: ${fault.name}`,
    async begin() {
      hurt = fault.to === 'leader' ? haStores.primary() : await synchronousStandbyOf(patroni)
      await fault.begin(hurt)
      await haStores.findPrimary(fault.movesLeader ? hurt : undefined)
    },
    allWorksMeanwhile: true,
    async end() {
      await fault.end?.(hurt)
      // Who comes back may call itself the primary for a moment, so it is not looked for again.
      await rejoined(patroni, haStores.primary())
    },
  }
}

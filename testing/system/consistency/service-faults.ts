// What can happen to each service: the faults that all of them have, and each one's own.

import type { RestartableService } from '../../restartable.ts'
import {
  endOpenSessionsReadOnly,
  endPostgresSessions,
  flapPostgres,
  makeOpenSessionsReadOnly,
  makePostgresReadOnly,
  makePostgresWritable,
  pauseReplay,
  promoteAndDiverge,
  resumeReplay,
} from '../../hurt-postgres.ts'
import { failOverRedis, redisRefusals, spoilRedisVersion } from '../../hurt-redis.ts'
import { aMoment, type Fault } from './fault.ts'
import { isBroker, type ServiceName } from './services.ts'
import type { System } from './system.ts'
import { moveLeaders, reassign, untilInSync } from './replicas.ts'
import { addPartitions } from './topic.ts'

export const serviceFaults = (system: System): Fault[] =>
  [...system.services].flatMap(([name, service]) => [
    ...ofAny(name, service),
    ...ofItsOwn(name, service, system),
  ])

const ofAny = (name: ServiceName, service: RestartableService): Fault[] =>
  [
    {
      name: `${name} killed`,
      begin: () => service.takeAway(),
      lastsMs: aMoment,
      end: () => service.giveBack(),
    },
    {
      name: `${name} restarted in order`,
      begin: () => service.takeAway('SIGTERM'),
      end: () => service.giveBack(),
    },
    {
      name: `${name} frozen`,
      begin: () => service.freeze(),
      lastsMs: aMoment,
      end: () => service.thaw(),
    },
    {
      // The service gives up the silent connections in the end; the system must by itself.
      name: `${name} silent on open connections`,
      begin: () => service.gate.silence(),
      lastsMs: aMoment,
      end: () => service.gate.endSilent(),
    },
  ].map((fault) => ({ ...fault, allWorksMeanwhile: isSpare(name) }))

/**
 * Lists come from Postgres without Redis, and nothing else needs it. The primary reads for its replica. Two brokers of three take writes, and
 * they lead without the controller for as long as none of them goes.
 */
const isSpare = (name: ServiceName): boolean =>
  name === 'redis' || name === 'postgres-replica' || name === 'kafka-controller' || isBroker(name)

const ofItsOwn = (name: ServiceName, service: RestartableService, system: System): Fault[] => {
  switch (name) {
    case 'postgres':
    case 'shard-a':
    case 'shard-b':
    case 'shard-c':
      return postgresFaults(name, service)
    case 'postgres-replica':
      return replicaFaults(service)
    case 'redis':
      return redisFaults(service)
    case 'kafka':
      return kafkaFaults(system)
    case 'kafka-controller':
      return [...kafkaFaults(system), ...clusterFaults(system)]
    case 'kafka-1':
    case 'kafka-2':
    case 'kafka-3':
      return brokerFaults(service, system)
  }
}

const flapsMin = 2
const flapsMax = 4

const postgresFaults = (name: ServiceName, service: RestartableService): Fault[] => [
  {
    name: `${name} answers for moments only`,
    begin: (draw) => flapPostgres(service, flapsMin + draw(flapsMax - flapsMin + 1), draw),
    end: () => service.thaw(),
  },
  {
    name: `${name} ends every session`,
    begin: () => endPostgresSessions(service),
  },
  {
    name: `${name} read-only`,
    begin: () => makePostgresReadOnly(service),
    lastsMs: aMoment,
    end: () => makePostgresWritable(service),
  },
  {
    name: `${name} read-only for the sessions it has`,
    begin: () => makeOpenSessionsReadOnly(service),
    allWorksMeanwhile: true,
    end: () => endOpenSessionsReadOnly(service),
  },
]

const replicaFaults = (service: RestartableService): Fault[] => [
  {
    name: 'postgres-replica falls behind',
    begin: () => pauseReplay(service),
    lastsMs: aMoment,
    allWorksMeanwhile: true,
    end: () => resumeReplay(service),
  },
  {
    // What its todos and versions are then, they are nowhere else.
    name: 'postgres-replica promoted by mistake and written to',
    begin: () => promoteAndDiverge(service),
    lastsMs: aMoment,
    allWorksMeanwhile: true,
    async end() {
      await service.takeAway()
      await service.loseData()
      await service.giveBack()
    },
  },
  {
    name: 'postgres-replica replaced by one made anew',
    async begin() {
      await service.takeAway()
      await service.loseData()
    },
    lastsMs: aMoment,
    allWorksMeanwhile: true,
    end: () => service.giveBack(),
  },
]

const redisFaults = (service: RestartableService): Fault[] => [
  ...redisRefusals.map(({ name, begin, end }) => ({
    name,
    begin: () => begin(service),
    lastsMs: aMoment,
    allWorksMeanwhile: true,
    end: () => end(service),
  })),
  {
    name: 'redis failed over while connections stay',
    begin: () => failOverRedis(service),
    allWorksMeanwhile: true,
  },
  {
    name: 'redis holds what is no version',
    begin: () => spoilRedisVersion(service),
    allWorksMeanwhile: true,
  },
]

const kafkaFaults = (system: System): Fault[] => [
  {
    // Nobody has to take note of them; nobody may put one todo into two.
    name: 'the topic gets more partitions',
    begin: (draw) => addPartitions(system.place(), draw),
    allWorksMeanwhile: true,
  },
]

const brokerFaults = (service: RestartableService, system: System): Fault[] => [
  {
    name: `a broker of the cluster replaced by an empty one`,
    async begin() {
      await service.takeAway()
      await service.loseData()
    },
    lastsMs: aMoment,
    allWorksMeanwhile: true,
    async end() {
      await service.giveBack()
      await untilInSync(system.place())
    },
  },
]

const clusterFaults = (system: System): Fault[] => [
  {
    name: 'the leaders of all partitions moved',
    begin: () => moveLeaders(system.place()),
    allWorksMeanwhile: true,
  },
  {
    name: 'replicas taken from each partition and given back',
    begin: () => reassign(system.place(), 2),
    lastsMs: aMoment,
    allWorksMeanwhile: true,
    end: () => reassign(system.place(), 3),
  },
]

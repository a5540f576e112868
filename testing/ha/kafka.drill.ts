// Kafka on three brokers and a controller of its own, hurt in every way that we know while clients write:
// what was lost, and for how long nothing was taken or applied. It prints the table of docs/how-to.

import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { writeFile, rm, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { orSkip, testDirectory, testTopic } from '../services.ts'
import { seeded } from '../seeded.ts'
import type { RestartableService } from '../restartable.ts'
import {
  findCoordinator,
  moveLeaders,
  readPartitions,
  reassign,
  untilInSync,
} from '../system/consistency/replicas.ts'
import type { ServiceName } from '../system/consistency/services.ts'
import { send, startSystem, type System } from '../system/consistency/system.ts'
import { startDrill, type DrillFault } from './drill.ts'

/** Far longer than a broker is missed. */
const lastsMs = 12_000
/** Far longer than a worker is missed. */
const workerLastsMs = 25_000
const diskMegabytes = 160
const chosenFaults = new RegExp(process.env['FAILOVER_FAULTS'] ?? '')

t.test('nothing acknowledged is lost, whatever happens to one broker', async (t) => {
  const random = seeded(t)
  const directory = await testDirectory(t)
  const disk = join(directory, 'kafka-3')
  mkdirSync(disk)
  const hasDisk = mountDisk(disk)
  t.comment(hasDisk ? `broker 3 has a disk of ${diskMegabytes} MB` : 'not root: no disk gets full')
  t.teardown(() => hasDisk && execFileSync('umount', ['--lazy', disk]))
  const topic = testTopic()
  const stack = 'kafka-cluster'
  const system = await orSkip(t, () => startSystem({ directory, topic, stack, engine: 'node' }))
  if (!system) return
  t.teardown(() => system.stop())
  const drill = startDrill(t, system, random)
  for (const fault of faultsOf(system, hasDisk ? disk : undefined)) {
    if (chosenFaults.test(fault.name)) await drill.carryOut(fault)
  }
  await drill.printTable()
  t.same(system.endedByThemselves(), [], 'no process of ours ended')
})

const mountDisk = (folder: string): boolean => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMegabytes}m`, 'tmpfs', folder])
    return true
  } catch {
    return false
  }
}

const faultsOf = (system: System, disk: string | undefined): DrillFault[] => {
  const service = (name: ServiceName) => system.services.get(name) as RestartableService
  const broker = (id: number) => service(`kafka-${id}` as ServiceName)
  const inSync = () => untilInSync(system.place())
  const leader = async () => {
    const partitions = await readPartitions(system.place())
    return broker(partitions.find(({ partitionId }) => partitionId === 0)?.leader ?? 1)
  }
  let hurt = broker(1)
  const hurtOne = async (one: RestartableService, how: (one: RestartableService) => unknown) => {
    hurt = one
    await how(hurt)
    await delay(lastsMs)
  }
  const hurtLeader = async (how: (one: RestartableService) => unknown) =>
    hurtOne(await leader(), how)
  const hurtCoordinator = async (how: (one: RestartableService) => unknown) =>
    hurtOne(broker(await findCoordinator(system.place())), how)
  const thaws = async () => {
    hurt.thaw()
    await inSync()
  }
  const comesBack = async () => {
    await hurt.giveBack()
    await inSync()
  }
  const full: readonly DrillFault[] =
    disk === undefined
      ? []
      : [
          {
            name: 'disk of a broker full',
            begin: async () => {
              hurt = broker(3)
              await writeFile(join(disk, 'filler'), Buffer.alloc(1 << 20))
              await fill(disk)
              await delay(2 * lastsMs)
            },
            end: async () => {
              await hurt.takeAway()
              await rm(join(disk, 'filler'))
              await comesBack()
            },
          },
        ]
  return [
    { name: 'none', begin: () => delay(lastsMs) },
    { name: 'leaders of all partitions moved', begin: () => moveLeaders(system.place()) },
    {
      name: 'leader restarted in order',
      begin: () => hurtLeader((one) => one.takeAway('SIGTERM')),
      end: comesBack,
    },
    {
      name: 'leader killed (kill -9)',
      begin: () => hurtLeader((one) => one.takeAway()),
      end: comesBack,
    },
    {
      name: 'leader frozen (SIGSTOP)',
      begin: () => hurtLeader((one) => one.freeze()),
      end: thaws,
    },
    {
      name: 'coordinator of the workers killed (kill -9)',
      begin: () => hurtCoordinator((one) => one.takeAway()),
      end: comesBack,
    },
    {
      name: 'coordinator of the workers frozen (SIGSTOP)',
      begin: () => hurtCoordinator((one) => one.freeze()),
      end: thaws,
    },
    {
      name: 'broker replaced by an empty one',
      begin: () =>
        hurtLeader(async (one) => {
          await one.takeAway()
          await (disk !== undefined && one === broker(3) ? empty(disk) : one.loseData())
        }),
      end: comesBack,
    },
    {
      name: 'worker killed (kill -9)',
      begin: async () => {
        await system.takeWorker(0)
        await delay(workerLastsMs)
      },
      end: () => system.giveWorker(0),
    },
    {
      name: 'worker frozen (SIGSTOP)',
      begin: async () => {
        send(system.worker(0).process.pid ?? 0, 'SIGSTOP')
        await delay(workerLastsMs)
      },
      end: () => Promise.resolve(send(system.worker(0).process.pid ?? 0, 'SIGCONT')),
    },
    ...full,
    {
      name: 'replicas of all partitions reassigned',
      begin: () => reassign(system.place(), 2),
      end: () => reassign(system.place(), 3),
    },
    {
      name: 'controller killed',
      begin: async () => {
        await service('kafka-controller').takeAway()
        await delay(lastsMs)
      },
      end: async () => {
        await service('kafka-controller').giveBack()
        await inSync()
      },
    },
    {
      name: 'two brokers killed: one replica left',
      begin: async () => {
        await Promise.all([broker(1).takeAway(), broker(2).takeAway()])
        await delay(lastsMs)
      },
      end: async () => {
        await broker(1).giveBack()
        await broker(2).giveBack()
        await inSync()
      },
      /** Until one is back. */
      isWriteless: true,
    },
    {
      name: 'leader frozen (SIGSTOP), one server process',
      prepare: () => system.restartServer({ HTTP_PROCESSES: '1' }),
      begin: () => hurtLeader((one) => one.freeze()),
      end: thaws,
    },
    {
      name: 'leader out of reach for clients only, one server process',
      begin: () =>
        hurtLeader(({ gate }) => {
          gate.inspect('to-service', () => 'drop')
          gate.inspect('to-client', () => 'drop')
        }),
      end: () => Promise.resolve(hurt.gate.passAll()),
    },
  ]
}

/** Until nothing more goes in. */
const fill = async (disk: string): Promise<void> => {
  const chunk = Buffer.alloc(64 << 10)
  for (;;) {
    try {
      await writeFile(join(disk, 'filler'), chunk, { flag: 'a' })
    } catch {
      return
    }
  }
}

/** The mount itself stays. */
const empty = async (disk: string): Promise<void> => {
  for (const one of await readdir(disk)) await rm(join(disk, one), { recursive: true })
}

// One system, measured once: memory of idle subscribers, then deliveries to some of them.

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { treeCpuSeconds } from '../engines/cpu.ts'
import { percentile } from '../engines/summary.ts'
import { eventTitle, type ClientsPlan, type ClientsReport } from './messages.ts'
import { watchNoise } from './noise.ts'
import type { Result } from './result.ts'
import type { LiveSystem } from './system.ts'
import { faultsOf } from './validity.ts'

export type RoundPlan = {
  readonly clients: number
  readonly subscribers: number
  readonly perSecond: number
  readonly seconds: number
  /** What is not heard by then is lost. */
  readonly arriveTimeoutMs: number
  readonly signal: AbortSignal
}

/** Of the rate, before what is counted. */
const warmUpShare = 0.25
const pollMs = 100
/** For garbage of the handshakes to be collected, on either side. */
const restMs = 1_000

export const measureRound = async (system: LiveSystem, plan: RoundPlan): Promise<Result> => {
  const children: ChildProcess[] = []
  const start = async (clients: number, eventsMax: number, counts: boolean) => {
    const child = fork(new URL('clients.ts', import.meta.url), { execArgv: [] })
    children.push(child)
    const { port, path, hello, subscribedMark } = system
    const its = { port, path, hello, subscribedMark, clients, eventsMax, counts }
    child.send(its satisfies ClientsPlan)
    const [answer] = (await once(child, 'message', { signal: plan.signal })) as unknown[]
    if (answer !== 'ready') throw new Error(`clients: ${(answer as { error: string }).error}`)
    return child
  }
  try {
    return await measure(system, plan, start)
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

const reportOf = async (child: ChildProcess): Promise<ClientsReport> => {
  child.send('report')
  const [report] = (await once(child, 'message')) as [ClientsReport]
  return report
}

const measure = async (
  system: LiveSystem,
  { clients, subscribers, perSecond, seconds, arriveTimeoutMs, signal }: RoundPlan,
  start: (clients: number, eventsMax: number, counts: boolean) => Promise<ChildProcess>,
): Promise<Result> => {
  const warmUp = Math.ceil(perSecond * seconds * warmUpShare)
  const counted = perSecond * seconds
  const events = warmUp + counted
  const before = await system.memory.kib()
  const counting = await start(subscribers, events, true)
  const idle = clients > subscribers ? await start(clients - subscribers, 0, false) : undefined
  await delay(restMs, undefined, { signal })
  const memoryKib = ((await system.memory.kib()) - before) / clients
  idle?.kill('SIGKILL')
  await delay(restMs, undefined, { signal })

  const sentMs = new Float64Array(events)
  const acknowledgedMs = new Float64Array(events)
  let refused = 0
  const publish = async (from: number, to: number) => {
    const startMs = now()
    const pending: Promise<void>[] = []
    for (let number = from; number < to; number++) {
      const waitMs = startMs + ((number - from) * 1_000) / perSecond - now()
      if (waitMs > 0) await delay(waitMs, undefined, { signal })
      sentMs[number] = now()
      pending.push(
        system.publish(eventTitle(number)).then(
          () => {
            acknowledgedMs[number] = now()
          },
          () => {
            refused++
          },
        ),
      )
    }
    await Promise.all(pending)
    return now() - startMs
  }
  /** Until all are heard, or nothing more comes. */
  const arrived = async (upTo: number) => {
    const untilMs = now() + arriveTimeoutMs
    for (;;) {
      const report = await reportOf(counting)
      const isAll = report.heardBy.slice(0, upTo).every((heard) => heard >= subscribers)
      if (isAll || now() > untilMs) return report
      await delay(pollMs, undefined, { signal })
    }
  }
  await publish(0, warmUp)
  const first = await arrived(warmUp)
  const noise = watchNoise(system)
  const cpuBefore = treeCpuSeconds(system.pid)
  const publishMs = await publish(warmUp, events)
  const last = await arrived(events)
  const cpuSeconds = treeCpuSeconds(system.pid) - cpuBefore
  const windowMs = last.atMs - first.atMs
  const seen = noise()

  const heard = last.heardBy.reduce((sum, by) => sum + by, 0)
  const deliveries = last.heardBy.slice(warmUp).reduce((sum, by) => sum + by, 0)
  const generatorSeconds = last.cpuSeconds - first.cpuSeconds
  const numbers = Array.from({ length: counted }, (_, i) => warmUp + i)
  const p99 = (from: Float64Array) =>
    percentile(
      numbers.map((number) => (last.lastMs[number] ?? 0) - (from[number] ?? 0)),
      0.99,
    )
  const figures = {
    system: system.name,
    clients,
    subscribers,
    perSecond,
    seconds,
    memoryKibPerSocket: memoryKib,
    memoryIs: system.memory.how,
    deliveries,
    deliveriesPerSecond: deliveries / (windowMs / 1_000),
    cpuUsPerDelivery: (cpuSeconds * 1e6) / deliveries,
    generatorUsPerDelivery: (generatorSeconds * 1e6) / deliveries,
    generatorShare: generatorSeconds / (windowMs / 1_000),
    p99FromAcknowledgedMs: p99(acknowledgedMs),
    p99FromSentMs: p99(sentMs),
    publishSeconds: publishMs / 1_000,
    lost: events * subscribers - heard,
    doubled: last.doubled,
    refused,
    closed: last.closed,
    noise: seen,
  }
  return { ...figures, faults: faultsOf(figures) }
}

const now = () => Number(process.hrtime.bigint()) / 1e6

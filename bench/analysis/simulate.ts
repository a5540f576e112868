// A machine as queues: what the service demands of its tiers let through, and how long a request then
// takes. A thread takes its requests one after the other, and needs a core meanwhile. Bounds say where a
// machine ends (limits.ts); this says what waiting costs before that. Pure: the same seed, the same answer.

import { randomFrom, type Random } from '../../scripts/random.ts'
import { createTimeline } from './timeline.ts'

export type SimulatedTier = {
  readonly name: string
  /** Threads or processes of one thread, each with a queue of its own. */
  readonly threads: number
  /** CPU that one request takes here, in us. */
  readonly demandUs: number
}

export type SimulatedLoad =
  /** The first tier is the generator: it sends the next request when it has read an answer. */
  | { readonly kind: 'closed'; readonly connections: number; readonly pipelining: number }
  /** Requests come from elsewhere, independent of each other. */
  | { readonly kind: 'open'; readonly perSecond: number; readonly connections: number }

export type Machine = {
  readonly cores: number
  /** In the order in which a request meets them. */
  readonly tiers: readonly SimulatedTier[]
}

export type Outcome = {
  readonly perSecond: number
  readonly meanUs: number
  readonly p50Us: number
  readonly p99Us: number
  /** Cores that each tier used. */
  readonly cores: Readonly<Record<string, number>>
}

/** Linux takes a core away after about so long when another thread waits for one. */
const turnUs = 3_000
/** Requests that are not counted: the queues fill. */
const warmUpShare = 0.1

type Thread = {
  readonly tier: number
  /** Its queue, a linked one: it may hold all that is in flight. */
  first: Request | undefined
  last: Request | undefined
  /** It has a core, or stands in line for one. */
  isRunnable: boolean
  /** When its turn on its core ends. */
  turnEndsUs: number
}

type Request = {
  readonly route: readonly Thread[]
  /** The tier that it is in. */
  at: number
  sinceUs: number
  /** Behind it in its queue. */
  next: Request | undefined
}

/**
 * `requests` of them, from a machine whose queues are empty. A request's time at a tier is exponential around
 * its demand: some take three times as long, as with collections of garbage and lists of other lengths.
 */
export const simulate = (
  { cores, tiers }: Machine,
  load: SimulatedLoad,
  requests: number,
  seed: number,
): Outcome => {
  const random = randomFrom(seed)
  const timeline = createTimeline<Thread | 'arrival'>()
  const threads = tiers.map(({ threads }, tier) =>
    Array.from({ length: threads }, (): Thread => ({
      tier,
      first: undefined,
      last: undefined,
      isRunnable: false,
      turnEndsUs: 0,
    })),
  )
  const routes = routesOf(threads, load.connections, random)
  const inLine: Thread[] = []
  const busyUs = tiers.map(() => 0)
  const latenciesUs: number[] = []
  const warmUp = Math.floor(requests * warmUpShare)
  let freeCores = cores
  let done = 0
  let nowUs = 0
  let countedFromUs = 0

  const serve = (thread: Thread) => {
    const demandUs = exponential(random, tiers[thread.tier]?.demandUs ?? 0)
    if (done >= warmUp) busyUs[thread.tier] = (busyUs[thread.tier] ?? 0) + demandUs
    timeline.add(nowUs + demandUs, thread)
  }
  const startTurn = (thread: Thread) => {
    thread.turnEndsUs = nowUs + turnUs
    serve(thread)
  }
  const arrive = (request: Request) => {
    const thread = request.route[request.at] as Thread
    if (thread.first && thread.last) thread.last.next = request
    else thread.first = request
    thread.last = request
    if (thread.isRunnable) return
    thread.isRunnable = true
    if (freeCores === 0) {
      inLine.push(thread)
      return
    }
    freeCores--
    startTurn(thread)
  }
  const giveCoreTo = (next: Thread | undefined) => {
    if (next) startTurn(next)
    else freeCores++
  }
  const complete = (request: Request) => {
    done++
    if (done === warmUp) countedFromUs = nowUs
    if (done > warmUp) latenciesUs.push(nowUs - request.sinceUs)
    if (load.kind === 'open') return
    request.at = Math.min(1, tiers.length - 1)
    request.sinceUs = nowUs
    arrive(request)
  }
  const advance = (request: Request) => {
    request.at++
    if (request.at < tiers.length) return arrive(request)
    // A closed loop's request ends where it began: in the generator, which reads its answer.
    if (load.kind === 'open') return complete(request)
    request.at = 0
    arrive(request)
  }
  const served = (thread: Thread) => {
    const request = thread.first as Request
    thread.first = request.next
    request.next = undefined
    if (load.kind === 'closed' && thread.tier === 0) complete(request)
    else advance(request)
    if (thread.first && (nowUs < thread.turnEndsUs || inLine.length === 0)) {
      serve(thread)
      return
    }
    thread.isRunnable = thread.first !== undefined
    if (thread.isRunnable) inLine.push(thread)
    giveCoreTo(inLine.shift())
  }

  const inFlight = load.kind === 'closed' ? load.connections * load.pipelining : 0
  for (let i = 0; i < inFlight; i++) {
    arrive({ route: routes[i % routes.length] as Thread[], at: 0, sinceUs: 0, next: undefined })
  }
  if (load.kind === 'open') timeline.add(0, 'arrival')
  while (done < requests) {
    const event = timeline.next()
    if (!event) break
    nowUs = event.atUs
    if (event.what !== 'arrival') {
      served(event.what)
      continue
    }
    const route = routes[Math.floor(random() * routes.length)] as Thread[]
    arrive({ route, at: 0, sinceUs: nowUs, next: undefined })
    if (load.kind === 'open')
      timeline.add(nowUs + exponential(random, 1e6 / load.perSecond), 'arrival')
  }

  const seconds = (nowUs - countedFromUs) / 1e6
  latenciesUs.sort((a, b) => a - b)
  const at = (share: number) => latenciesUs[Math.floor(latenciesUs.length * share)] ?? NaN
  return {
    perSecond: latenciesUs.length / seconds,
    meanUs: latenciesUs.reduce((sum, one) => sum + one, 0) / latenciesUs.length,
    p50Us: at(0.5),
    p99Us: at(0.99),
    cores: Object.fromEntries(tiers.map(({ name }, i) => [name, (busyUs[i] ?? 0) / 1e6 / seconds])),
  }
}

const exponential = (random: Random, mean: number) => -mean * Math.log(1 - random())

/**
 * Which thread of each tier a connection meets. The generator shares out its connections evenly; the kernel
 * does it by chance (SO_REUSEPORT), so one process has more of them than another.
 */
const routesOf = (
  threads: readonly (readonly Thread[])[],
  connections: number,
  random: Random,
): readonly Thread[][] =>
  Array.from({ length: connections }, (_, connection) =>
    threads.map((all, tier) => {
      const one = tier === 0 ? connection % all.length : Math.floor(random() * all.length)
      return all[one] as Thread
    }),
  )

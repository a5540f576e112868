// A machine as queues: what the service demands of its tiers let through, and how long a request then
// takes. A thread takes what waits for it in one turn of its loop, and needs a core meanwhile. Bounds say where
// a machine ends (limits.ts); this says what waiting costs before that. Pure: the same seed, the same answer.

import { randomFrom, type Random } from '../../scripts/random.ts'
import { createTimeline } from './timeline.ts'

export type SimulatedTier = {
  readonly name: string
  /** Threads or processes of one thread, each with a queue of its own. */
  readonly threads: number
  /** CPU that one request takes here, in us. */
  readonly demandUs: number
  /** CPU of one turn of its loop, however many requests it finds: so an answer costs less when there are many. */
  readonly turnUs?: number
  /** On top of a turn when another thread has had the core: its caches are to be filled again. */
  readonly switchUs?: number
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
  /** Cores that are busy with anything else: it takes its turns among the threads. */
  readonly otherCores?: number
}

export type Outcome = {
  readonly perSecond: number
  readonly meanUs: number
  readonly p50Us: number
  readonly p99Us: number
  /** Cores that each tier used. */
  readonly cores: Readonly<Record<string, number>>
  /** Turns and switches of each tier, for each answer. */
  readonly turns: Readonly<Record<string, number>>
  readonly switches: Readonly<Record<string, number>>
}

/** Linux takes a core away after about so long when another thread waits for one. */
const sliceUs = 3_000
/** What else the machine does comes in pieces of this length. */
const otherPieceUs = 200
/** Requests that are not counted: the queues fill. */
const warmUpShare = 0.1

type Thread = {
  /** -1: what else the machine does. */
  readonly tier: number
  /** Its queue, a linked one: it may hold all that is in flight. */
  first: Request | undefined
  last: Request | undefined
  /** It has a core, or stands in line for one. */
  isRunnable: boolean
  /** When its slice of its core ends. */
  sliceEndsUs: number
  /** Requests that it has found in this turn, and not served yet. */
  found: number
  waiting: number
  core: number
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
  { cores, tiers, otherCores = 0 }: Machine,
  load: SimulatedLoad,
  requests: number,
  seed: number,
): Outcome => {
  const random = randomFrom(seed)
  const timeline = createTimeline<Thread | 'arrival' | 'other'>()
  const threads = tiers.map(({ threads }, tier) =>
    Array.from({ length: threads }, () => idleThread(tier)),
  )
  const other = idleThread(-1)
  const routes = routesOf(threads, load.connections, random)
  const inLine: Thread[] = []
  /** Who had each core last, and those that nobody has. */
  const lastOn: (Thread | undefined)[] = Array.from({ length: cores })
  const freeCores = Array.from({ length: cores }, (_, core) => core)
  const counted = tiers.map(() => ({ busyUs: 0, turns: 0, switches: 0 }))
  const latenciesUs: number[] = []
  const warmUp = Math.floor(requests * warmUpShare)
  let done = 0
  let nowUs = 0
  let countedFromUs = 0

  /** The next request of its turn, or the first of the next one. */
  const serve = (thread: Thread, isSwitched: boolean) => {
    const tier = tiers[thread.tier]
    if (!tier) {
      timeline.add(nowUs + otherPieceUs, thread)
      return
    }
    const isTurn = thread.found === 0
    if (isTurn) thread.found = thread.waiting
    thread.found--
    const overheadUs = (isTurn ? (tier.turnUs ?? 0) : 0) + (isSwitched ? (tier.switchUs ?? 0) : 0)
    const takesUs = overheadUs + exponential(random, tier.demandUs)
    const sums = counted[thread.tier]
    if (sums && done >= warmUp) {
      sums.busyUs += takesUs
      if (isTurn) sums.turns++
      if (isSwitched) sums.switches++
    }
    timeline.add(nowUs + takesUs, thread)
  }
  const startSlice = (thread: Thread, core: number) => {
    const isSwitched = lastOn[core] !== undefined && lastOn[core] !== thread
    lastOn[core] = thread
    thread.core = core
    thread.sliceEndsUs = nowUs + sliceUs
    serve(thread, isSwitched)
  }
  const wake = (thread: Thread) => {
    thread.waiting++
    if (thread.isRunnable) return
    thread.isRunnable = true
    if (freeCores.length === 0) {
      inLine.push(thread)
      return
    }
    // The one that it had, where nobody has it.
    const own = freeCores.findIndex((core) => lastOn[core] === thread)
    const [core = 0] = freeCores.splice(Math.max(0, own), 1)
    startSlice(thread, core)
  }
  const arrive = (request: Request) => {
    const thread = request.route[request.at] as Thread
    if (thread.first && thread.last) thread.last.next = request
    else thread.first = request
    thread.last = request
    wake(thread)
  }
  const giveCoreTo = (next: Thread | undefined, core: number) => {
    if (next) startSlice(next, core)
    else freeCores.push(core)
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
    thread.waiting--
    const request = thread.first
    if (request) {
      thread.first = request.next
      request.next = undefined
      if (load.kind === 'closed' && thread.tier === 0) complete(request)
      else advance(request)
    }
    if (thread.waiting > 0 && (nowUs < thread.sliceEndsUs || inLine.length === 0)) {
      serve(thread, false)
      return
    }
    thread.isRunnable = thread.waiting > 0
    if (thread.isRunnable) inLine.push(thread)
    giveCoreTo(inLine.shift(), thread.core)
  }

  const inFlight = load.kind === 'closed' ? load.connections * load.pipelining : 0
  for (let i = 0; i < inFlight; i++) {
    arrive({ route: routes[i % routes.length] as Thread[], at: 0, sinceUs: 0, next: undefined })
  }
  if (load.kind === 'open') timeline.add(0, 'arrival')
  if (otherCores > 0) timeline.add(0, 'other')
  while (done < requests) {
    const event = timeline.next()
    if (!event) break
    nowUs = event.atUs
    if (event.what === 'other') {
      wake(other)
      timeline.add(nowUs + exponential(random, otherPieceUs / otherCores), 'other')
      continue
    }
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
  const ofEach = (read: (sums: (typeof counted)[number]) => number) =>
    Object.fromEntries(
      tiers.map(({ name }, i) => [name, counted[i] ? read(counted[i]) : 0] as const),
    )
  return {
    perSecond: latenciesUs.length / seconds,
    meanUs: latenciesUs.reduce((sum, one) => sum + one, 0) / latenciesUs.length,
    p50Us: at(0.5),
    p99Us: at(0.99),
    cores: ofEach(({ busyUs }) => busyUs / 1e6 / seconds),
    turns: ofEach(({ turns }) => turns / latenciesUs.length),
    switches: ofEach(({ switches }) => switches / latenciesUs.length),
  }
}

const idleThread = (tier: number): Thread => ({
  tier,
  first: undefined,
  last: undefined,
  isRunnable: false,
  sliceEndsUs: 0,
  found: 0,
  waiting: 0,
  core: 0,
})

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

// Keeps the server's processes alive: replaces one that dies, replaces all one by one on SIGHUP with
// nobody turned away, and on SIGTERM lets all of them drain.

import cluster, { type Worker } from 'node:cluster'
import type { Config } from '../../lib/runtime/config/config.ts'
import type { Log } from '../../lib/runtime/log.ts'
import {
  handSockets,
  socketCountOf,
  socketCountVariable,
  type ForkSockets,
} from './hand-sockets.ts'
import { watchForHang } from './hung-fork.ts'
import type { ListeningSockets } from './listening-sockets.ts'

/** To a process: leave now. `drain` also notifies load balancers, and gives them time to turn away. */
export type Leave = { readonly kind: 'drain' | 'retire' }
/** From a process, once: it listens. `unready`: what `/ready` has against it. */
export type Listening = { readonly kind: 'listening'; readonly unready?: string | undefined }

/** To a process, in its environment: for so long it may wait for what it depends on. */
export const readyWaitVariable = 'TODOS_READY_WAIT_MS'

const crashDelayFirstMs = 100
export const crashDelayLastMs = 5_000
/** A fork that lived this long did not crash at its start: the delay begins anew. */
const calmMs = 30_000
/** While nobody serves in its slot, a fork soon does what it can. */
const readyWaitFirstMs = 3_000
/** While others serve, one has time: on an overloaded machine Kafka took over 3 s to connect. */
const readyWaitServedMs = 15_000
/** A fork that takes longer to start than this is not going to. */
export const startTimeoutMs = 30_000
/** On top of the time that a fork may take to leave: after that it hangs. */
const leaveMarginMs = 5_000

/** What the server listens on. */
export type Ports = {
  readonly http: ListeningSockets
  readonly grpc: ListeningSockets | undefined
}

const socketsOf = ({ http, grpc }: Ports, index: number): ForkSockets => ({
  http: http.of(index),
  grpc: grpc?.of(index) ?? [],
})

type Fork = {
  readonly worker: Worker
  readonly isListening: () => boolean
  readonly startedMs: number
  readonly listening: Promise<Listening>
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>
}

/** One of HTTP_PROCESSES: the fork that serves in it; none while a dead one waits to be replaced. */
type Slot = { readonly index: number; fork: Fork | undefined }

/** Resolves when every fork listens; from then on it replaces those that die, until the program ends. */
export const superviseForks = (
  config: Config,
  environmentOf: (index: number) => NodeJS.ProcessEnv,
  ports: Ports,
  log: Log,
): Promise<void> =>
  new Promise((resolve) => {
    let state: 'starting' | 'running' | 'stopping' = 'starting'
    let delayMs = crashDelayFirstMs
    let rolling: 'no' | 'yes' | 'again' = 'no'
    const slots: Slot[] = Array.from({ length: config.HTTP_PROCESSES }, (_, index) => ({
      index,
      fork: undefined,
    }))
    const leaveTimeoutMs =
      config.HTTP_DRAIN_DELAY_MS +
      config.HTTP_DRAIN_TIMEOUT_MS +
      config.PUBLISH_WAIT_MAX_MS +
      config.PUBLISH_TIMEOUT_MS +
      leaveMarginMs

    const launchIn = (slot: Slot, readyWaitMs: number): Fork =>
      launch(environmentOf(slot.index), socketsOf(ports, slot.index), readyWaitMs)

    /** From here on its death is noticed, and made good. */
    const settle = (slot: Slot, fork: Fork) => {
      slot.fork = fork
      void fork.listening.then(() => {
        watchForHang(fork.worker, () => {
          log.error({ fork: fork.worker.process.pid }, 'a server process hangs, sent SIGKILL')
          fork.worker.process.kill('SIGKILL')
        })
      })
      void fork.exited.then((how) => {
        if (slot.fork !== fork || state === 'stopping') return
        slot.fork = undefined
        ports.http.replace(slot.index)
        ports.grpc?.replace(slot.index)
        // What stands in the way of the first start is not going to change: the fork has said it.
        if (state === 'starting') {
          stop(1)
          return
        }
        if (performance.now() - fork.startedMs > calmMs) delayMs = crashDelayFirstMs
        const pid = fork.worker.process.pid
        // Postgres is unavailable, or a setting is wrong: the process has said it, and nobody was served.
        const couldNotStart = !fork.isListening() && typeof how === 'number'
        log.error(
          { fork: pid, how, delayMs },
          couldNotStart
            ? 'a server process failed to start, restarting'
            : 'a server process died, restarting',
        )
        setTimeout(() => {
          if (state !== 'running' || slot.fork) return
          const isServed = slots.some(({ fork }) => fork?.isListening())
          const readyWaitMs = isServed ? readyWaitServedMs : readyWaitFirstMs
          const next = launchIn(slot, readyWaitMs)
          settle(slot, next)
          void next.listening.then(() => {
            log.info({ fork: next.worker.process.pid }, 'replacement server process ready')
          })
        }, delayMs)
        delayMs = Math.min(delayMs * 2, crashDelayLastMs)
      })
    }

    /** One by one: the next serves before the last one leaves. */
    const roll = async () => {
      for (const slot of slots) {
        const fresh = launchIn(slot, readyWaitServedMs)
        const failure = await whyNotReady(fresh)
        if (state === 'stopping') return
        if (failure !== undefined) {
          fresh.worker.process.kill('SIGKILL')
          log.error(
            `a new server process ${failure}: rolling restart aborted, the others keep serving`,
          )
          return
        }
        const old = slot.fork
        settle(slot, fresh)
        if (old) await dismiss(old, 'retire')
      }
      log.info('rolling restart done')
    }

    const dismiss = async (fork: Fork, kind: Leave['kind']) => {
      // One that is still being loaded receives no message, and has nobody to finish for.
      if (!fork.isListening()) fork.worker.process.kill('SIGTERM')
      if (fork.worker.isConnected()) fork.worker.send({ kind } satisfies Leave, () => {})
      const hangs = setTimeout(() => {
        log.error(
          { fork: fork.worker.process.pid },
          'a server process did not exit in time, sent SIGKILL',
        )
        fork.worker.process.kill('SIGKILL')
      }, leaveTimeoutMs)
      await fork.exited
      clearTimeout(hangs)
    }

    const stop = (exitCode: number) => {
      if (state === 'stopping') process.exit(1) // a second signal: leave at once, forks follow
      state = 'stopping'
      // Those of the forks are the last: who comes when they close is refused.
      ports.http.close()
      ports.grpc?.close()
      void Promise.all([...alive].map((fork) => dismiss(fork, 'drain'))).then(() =>
        process.exit(exitCode),
      )
    }
    process.on('SIGTERM', () => stop(0))
    process.on('SIGINT', () => stop(0))
    // Started by a parent that is gone (killed, not stopped): nobody else would stop this server.
    process.on('disconnect', () => stop(0))
    process.on('SIGHUP', () => {
      if (state !== 'running') return
      if (rolling !== 'no') {
        rolling = 'again'
        return
      }
      void (async () => {
        do {
          rolling = 'yes'
          await roll()
        } while ((rolling as string) === 'again' && state === 'running')
        rolling = 'no'
      })()
    })

    const first = slots.map((slot) => {
      const fork = launchIn(slot, readyWaitFirstMs)
      settle(slot, fork)
      return fork.listening
    })
    void Promise.all(first).then(() => {
      if (state !== 'starting') return
      state = 'running'
      resolve()
    })
  })

/** Every fork there is: those that start, serve and leave. */
const alive = new Set<Fork>()

const launch = (
  environment: NodeJS.ProcessEnv,
  sockets: ForkSockets,
  readyWaitMs: number,
): Fork => {
  const worker = cluster.fork({
    ...environment,
    [readyWaitVariable]: readyWaitMs,
    [socketCountVariable]: socketCountOf(sockets),
  })
  handSockets(worker, sockets)
  let listens = false
  const fork: Fork = {
    worker,
    isListening: () => listens,
    startedMs: performance.now(),
    listening: new Promise((resolve) => {
      worker.on('message', (message: Listening) => {
        if (message.kind !== 'listening') return
        listens = true
        resolve(message)
      })
    }),
    exited: new Promise((resolve) => {
      worker.once('exit', (code: number, signal: string | null) => {
        alive.delete(fork)
        resolve(signal ?? code)
      })
    }),
  }
  alive.add(fork)
  return fork
}

/** Undefined when it listens and is ready. */
const whyNotReady = async ({ listening, exited }: Fork): Promise<string | undefined> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('did not start in time'), startTimeoutMs)
  })
  const failure = await Promise.race([
    listening.then(({ unready }) => unready && `is not ready (${unready})`),
    exited.then((how) => `did not start (${how})`),
    late,
  ])
  clearTimeout(timer)
  return failure
}

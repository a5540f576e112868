// The server: a primary that checks what it can before it forks, then keeps one process per core
// alive, and stops them in order.

import cluster, { type Worker } from 'node:cluster'
import { createServer } from 'node:net'
import { ensureCommandLog } from '../lib/command-log/open.ts'
import { readConfigOrExit, type Config } from '../lib/config.ts'
import { openListCache } from '../lib/list-cache/open.ts'
import { createLog, type Log } from '../lib/log.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { startFork } from './fork.ts'
import { openMetricsPage } from './metrics-page.ts'

/** What the primary hands to each fork, through its environment. */
const partitionsVariable = 'TODOS_LOG_PARTITIONS'

const exitWith = (line: string): never => {
  process.stderr.write(`${line}\n`)
  process.exit(1)
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

const runPrimary = async (config: Config) => {
  const log = createLog('server', config.LOG_LEVEL)
  const port = await reservePort(config).catch((error: NodeJS.ErrnoException) =>
    exitWith(
      error.code === 'EADDRINUSE'
        ? `port ${config.HTTP_PORT} is taken: stop what listens there, or set HTTP_PORT to another`
        : `can't listen on ${config.HTTP_HOST}:${config.HTTP_PORT} (${error.message}): set HTTP_HOST and HTTP_PORT`,
    ),
  )
  if (config.HTTP_ENGINE === 'uws') {
    const { selfTest } = await import('./engines/uws-self-test.ts')
    const verdict = await selfTest().catch((error: unknown) => exitWith(messageOf(error)))
    if (verdict) log.warn(verdict)
  }
  const metricsPort = await openMetricsPage(config, log).catch((error: unknown) =>
    exitWith(messageOf(error)),
  )
  const partitions = await prepareStores(config, log)
  const forkEnvironment = { HTTP_PORT: String(port), [partitionsVariable]: String(partitions) }
  await superviseForks(config, forkEnvironment, log)
  log.info({ engine: config.HTTP_ENGINE, port, processes: config.HTTP_PROCESSES }, 'server ready')
  process.send?.({ kind: 'ready', port, metricsPort })
}

/** The port to listen on, found free: a fork that fails to bind would say so far less clearly. */
const reservePort = (config: Config): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ host: config.HTTP_HOST, port: config.HTTP_PORT, exclusive: true }, () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

/** Looks at Postgres and the log once for all forks; returns the log's number of partitions. */
const prepareStores = async (config: Config, log: Log): Promise<number> => {
  const store = createPostgresStore({ url: config.DATABASE_URL, poolSize: 1, timeoutMs: 10_000 })
  const cache = openListCache(config, 1, log)
  try {
    const version = await store
      .listVersion()
      .catch((error: unknown) =>
        exitWith(
          (error as { code?: unknown }).code === '42P01'
            ? 'the database has no tables yet: run npm run migrate'
            : `Postgres does not answer (${messageOf(error)}): set DATABASE_URL`,
        ),
      )
    const allowed = await store.connectionsAllowed()
    if (config.DB_POOL_SIZE > allowed) {
      log.warn(
        `DB_POOL_SIZE is ${config.DB_POOL_SIZE} but Postgres allows ${allowed} connections in all: set it to ${Math.floor(allowed / 2)} or less, or raise max_connections`,
      )
    }
    // A Redis that still holds lists of another database is overruled before a fork believes it.
    await cache.announce(version).catch((error: unknown) => {
      log.warn(
        `${config.LIST_CACHE} does not answer (${messageOf(error)}): lists come from Postgres`,
      )
    })
  } finally {
    await cache.close()
    await store.close()
  }
  return ensureCommandLog(config, log).catch((error: unknown) => {
    log.warn(
      `${config.COMMAND_LOG} does not answer (${messageOf(error)}): writes get 503 until it does`,
    )
    return config.KAFKA_PARTITIONS
  })
}

const crashDelayFirstMs = 100
const crashDelayLastMs = 5_000
/** A fork that lived this long did not crash at its start: the delay begins anew. */
const calmMs = 30_000

/** Resolves when every fork listens; from then on one that dies is replaced, with a growing delay. */
const superviseForks = (config: Config, environment: NodeJS.ProcessEnv, log: Log): Promise<void> =>
  new Promise((resolve) => {
    let state: 'starting' | 'running' | 'stopping' = 'starting'
    let listening = 0
    let delayMs = crashDelayFirstMs

    const startOne = (index: number) => {
      const startedMs = performance.now()
      const fork = cluster.fork({ ...environment, TODOS_FORK_INDEX: String(index) })
      fork.on('message', ({ kind }: { kind: string }) => {
        if (kind !== 'listening') return
        listening++
        if (state === 'starting' && listening === config.HTTP_PROCESSES) {
          state = 'running'
          resolve()
        }
      })
      fork.on('exit', (code: number, signal: string | null) => {
        if (state === 'stopping') return
        // What stands in the way of the first start is not going to change: the fork has said it.
        if (state === 'starting') {
          stop(1)
          return
        }
        delayMs = performance.now() - startedMs > calmMs ? crashDelayFirstMs : delayMs
        log.error(
          { fork: fork.process.pid, code, signal, delayMs },
          'a server process died: replaced',
        )
        setTimeout(() => state === 'running' && startOne(index), delayMs)
        delayMs = Math.min(delayMs * 2, crashDelayLastMs)
      })
    }

    const stop = (exitCode: number) => {
      if (state === 'stopping') process.exit(1) // a second signal: leave at once
      state = 'stopping'
      const forks = Object.values(cluster.workers ?? {}).filter((fork): fork is Worker => !!fork)
      const exited = forks.map(
        (fork) => new Promise((done) => (fork.isDead() ? done(null) : fork.on('exit', done))),
      )
      for (const fork of forks) fork.process.kill('SIGTERM')
      void Promise.all(exited).then(() => process.exit(exitCode))
    }
    process.on('SIGTERM', () => stop(0))
    process.on('SIGINT', () => stop(0))
    // Started by a parent that is gone (killed, not stopped): nobody else would stop this server.
    process.on('disconnect', () => stop(0))

    for (let index = 0; index < config.HTTP_PROCESSES; index++) startOne(index)
  })

const runFork = async (config: Config) => {
  let started: ReturnType<typeof startFork> | undefined
  process.on('SIGINT', () => {}) // a terminal's Ctrl-C reaches every process: the primary decides
  process.on('SIGTERM', () => {
    process.removeAllListeners('SIGTERM')
    void (started ?? Promise.resolve(undefined))
      .then((fork) => fork?.stop())
      .then(() => process.exit(0))
  })
  try {
    started = startFork(config, Number(process.env[partitionsVariable]))
    await started
    process.send?.({ kind: 'listening' })
  } catch (error) {
    exitWith(`a server process can't start: ${messageOf(error)}`)
  }
}

const config = readConfigOrExit('server')
await (cluster.isPrimary ? runPrimary(config) : runFork(config))

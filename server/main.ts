// The server: a primary that checks what it can before it forks, then keeps one process per core
// alive, and stops them in order.

import '../lib/runtime/node-version.ts' // first: it refuses a Node that is too old
import cluster from 'node:cluster'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { commandsElsewhere, settleLog } from '../lib/command-log/settle.ts'
import { readConfigOrExit, type Config } from '../lib/runtime/config/config.ts'
import { kafkaSecurityWarning } from '../lib/runtime/config/kafka-security.ts'
import { announceVersion } from '../lib/list-cache/announce.ts'
import { openListCache } from '../lib/list-cache/open.ts'
import type { RegisteredLog } from '../lib/domain/log-identity.ts'
import { createLog, type Log } from '../lib/runtime/log.ts'
import { postgresUrls, urlFault } from '../lib/drivers/postgres/urls.ts'
import { openCommandLogs } from '../lib/todo-store/command-logs.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { startFork } from './fork.ts'
import { openMetricsPage } from './process/metrics-page.ts'
import {
  readyWaitVariable,
  superviseForks,
  type Leave,
  type Listening,
} from './process/supervisor.ts'

/** What the primary hands to each fork, through its environment. */
const registeredLogVariable = 'TODOS_REGISTERED_LOG'

const exitWith = (line: string): never => {
  process.stderr.write(`${line}\n`)
  process.exit(1)
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

const runPrimary = async (config: Config) => {
  const log = createLog('server', config.LOG_LEVEL)
  const ports = await reservePorts(config)
  if (config.HTTP_ENGINE === 'uws') {
    const { selfTest } = await import('./http/engines/uws/self-test.ts')
    const verdict = await selfTest().catch((error: unknown) => exitWith(messageOf(error)))
    if (verdict) log.warn(verdict)
  }
  const metricsPort = await openMetricsPage(config, log).catch((error: unknown) =>
    exitWith(messageOf(error)),
  )
  const registered = await prepareStores(config, log)
  const environmentOf = (index: number) => ({
    HTTP_PORT: String(ports[index % ports.length]),
    TODOS_FORK_INDEX: String(index),
    ...(registered && { [registeredLogVariable]: JSON.stringify(registered) }),
  })
  await superviseForks(config, environmentOf, log)
  const [port] = ports
  log.info({ engine: config.HTTP_ENGINE, ports, processes: config.HTTP_PROCESSES }, 'server ready')
  process.send?.({ kind: 'ready', port, metricsPort })
}

/** One that all forks share, or one for each. */
const reservePorts = async (config: Config): Promise<number[]> => {
  const isShared = config.HTTP_PORT_PER_PROCESS === 'false'
  const count = isShared ? 1 : config.HTTP_PROCESSES
  const ports: number[] = []
  for (let port = config.HTTP_PORT; ports.length < count; port++) {
    ports.push(
      await (port === 0 ? freePort(config.HTTP_HOST) : reservePort(config.HTTP_HOST, port)).catch(
        (error: NodeJS.ErrnoException) =>
          exitWith(
            error.code === 'EADDRINUSE'
              ? `port ${port} is taken: stop what listens there, or set HTTP_PORT to another`
              : `can't listen on ${config.HTTP_HOST}:${port} (${error.message}): set HTTP_HOST and HTTP_PORT`,
          ),
      ),
    )
  }
  return ports
}

// Below those that systems give to outgoing connections: one of them, ours even, could take the port
// between our look at it and the first fork's listening.
const freePortsFrom = 10_000
const freePortsTo = 20_000

const freePort = async (host: string): Promise<number> => {
  for (;;) {
    const port = freePortsFrom + Math.floor(Math.random() * (freePortsTo - freePortsFrom))
    try {
      return await reservePort(host, port)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}

/** The port to listen on, found free: a fork that fails to bind would say so far less clearly. */
const reservePort = (host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ host, port, exclusive: true }, () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

/** Looks at Postgres and the log once for all forks; returns the log that the database knows. */
const prepareStores = async (config: Config, log: Log): Promise<RegisteredLog | undefined> => {
  const fault = await urlFault(postgresUrls(config)).catch((error: unknown) =>
    exitWith(`Postgres does not answer (${messageOf(error)}): set DATABASE_URL`),
  )
  if (fault !== undefined) exitWith(fault)
  const store = createPostgresStore({ ...postgresUrls(config), poolSize: 1, timeoutMs: 10_000 })
  const logs = openCommandLogs({ ...postgresUrls(config), poolSize: 1, timeoutMs: 10_000 })
  const cache = openListCache(config, 1, log)
  try {
    await store
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
    await announceVersion(store, cache).catch((error: unknown) => {
      log.warn(
        `${config.LIST_CACHE} does not answer (${messageOf(error)}): lists come from Postgres`,
      )
    })
    const warning = kafkaSecurityWarning(config)
    if (warning) log.warn(warning)
    const settled = await settleLog(config, store, log).catch((error: unknown) => {
      if ((error as { code?: unknown }).code === '42P01') {
        return exitWith('the database has no table of the command logs yet: run npm run migrate')
      }
      log.warn(
        `${config.COMMAND_LOG} does not answer (${messageOf(error)}): writes get 503 until it does`,
      )
      return undefined
    })
    if (settled?.kind === 'another') return exitWith(settled.reason)
    for (const note of settled?.notes ?? []) log.warn(note)
    for (const line of await commandsElsewhere(config, logs, log).catch(() => [])) log.warn(line)
    return settled?.registered
  } finally {
    await logs.end()
    await cache.close()
    await store.close()
  }
}

const disconnectTimeoutMs = 1_000

const runFork = async (config: Config) => {
  let started: ReturnType<typeof startFork> | undefined
  let leaving = false
  const leave = async (kind: Leave['kind']) => {
    if (leaving) return
    leaving = true
    const fork = await started
    if (kind === 'drain') {
      fork?.announceDrain()
      await delay(config.HTTP_DRAIN_DELAY_MS)
    }
    await fork?.stop()
    // Gone at once, a connection that the primary was handing over would hang for ever: it waits for
    // our word to give it to another. After this it has had our word on each.
    process.once('disconnect', () => process.exit(0))
    setTimeout(() => process.exit(0), disconnectTimeoutMs)
    cluster.worker?.disconnect()
  }
  process.on('message', (message: Leave) => {
    if (message.kind === 'drain' || message.kind === 'retire') void leave(message.kind)
  })
  // A terminal's Ctrl-C and a supervisor's SIGTERM to the whole group reach every process: what a
  // second one means, the primary decides.
  process.on('SIGTERM', () => void leave('drain'))
  process.on('SIGINT', () => {})
  process.on('SIGHUP', () => {})
  try {
    const { [registeredLogVariable]: registered, [readyWaitVariable]: readyWaitMs } = process.env
    started = startFork(
      config,
      registered === undefined ? undefined : (JSON.parse(registered) as RegisteredLog),
      Number(readyWaitMs),
    )
    const { unready } = await started
    process.send?.({ kind: 'listening', unready } satisfies Listening)
  } catch (error) {
    exitWith(`a server process can't start: ${messageOf(error)}`)
  }
}

const config = readConfigOrExit('server')
await (cluster.isPrimary ? runPrimary(config) : runFork(config))

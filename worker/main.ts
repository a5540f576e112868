// The worker: takes commands from the log and applies them to Postgres, batch by batch, then tells
// the lists. Any number of workers may run; the log's partitions are shared out among them.

import '../lib/runtime/node-version.ts' // first: it refuses a Node that is too old
import { LogRefusesUs, refusedPauseMs } from '../lib/drivers/kafka/security.ts'
import { openConsumer, openEndsReader } from '../lib/command-log/open.ts'
import { settleLog } from '../lib/command-log/settle.ts'
import { readConfigOrExit } from '../lib/runtime/config/config.ts'
import { kafkaSecurityWarning } from '../lib/runtime/config/kafka-security.ts'
import { openListCache } from '../lib/list-cache/open.ts'
import { createLog } from '../lib/runtime/log.ts'
import { openPageCache } from '../lib/page-cache/open.ts'
import { createPoolUse } from '../lib/runtime/pool-stats.ts'
import { postgresUrls, urlFault } from '../lib/drivers/postgres/urls.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { withTimeout } from '../lib/runtime/deadline.ts'
import { createAnnouncer } from './announce/announcer.ts'
import { logBatch } from './todos/batch-log.ts'
import { healthPage, livePage } from './observe/health.ts'
import { createLagWatch } from './observe/lag.ts'
import { createWorkerMetrics } from './observe/metrics.ts'
import { openPages } from './observe/pages.ts'
import { watchProgress, type Progress } from './observe/progress.ts'
import { createSink } from './todos/sink.ts'

const pruneEveryMs = 600_000
/** A command may be logged twice minutes apart, by a producer's retry; a week is far beyond that. */
const appliedCommandsKeptSec = 7 * 24 * 3600
/** A batch takes milliseconds; one that takes this long is on a lost connection, and tried again. */
const storeTimeoutMs = 20_000
const waitForLogMs = 1_000
const pingTimeoutMs = 2_000
/** While a worker waits for the same thing. */
const sayAgainMs = 60_000
const closeTimeoutMs = 3_000
const reportLagEveryMs = 10_000

const config = readConfigOrExit('worker')
const log = createLog('worker', config.LOG_LEVEL)
const pools = { store: createPoolUse(), cache: createPoolUse() }
const store = createPostgresStore({
  ...postgresUrls(config),
  poolSize: config.WORKER_POOL_SIZE + 1, // one for the announcements
  timeoutMs: storeTimeoutMs,
  use: pools.store,
  log,
})
const cache = openListCache(config, 1, log, pools.cache)
const pages = openPageCache(config, log)
const announcer = createAnnouncer(store, cache, log)
const consumer = openConsumer(config, log)

let progress: Progress | undefined
let stopping = false
const stop = async () => {
  if (stopping) process.exit(1) // a second signal: leave at once
  stopping = true
  progress?.stop()
  await consumer.stop()
  // All that was delivered is applied or left to another: what does not answer is not waited for.
  await withTimeout(closeTimeoutMs, async () => {
    await announcer.close()
    await cache.close()
    await pages.close()
    await store.close()
  }).catch((error: Error) => log.warn({ reason: error.message }, 'left without closing it all'))
  process.exit(0)
}
process.on('SIGTERM', () => void stop())
process.on('SIGINT', () => void stop())
// Started by a parent that is gone (killed, not stopped): nobody else would stop this one.
process.on('disconnect', () => void stop())

type Waiting = { readonly reason: string; readonly line: string }

const whatItWaitsFor = async (error: Error): Promise<Waiting> => {
  const { message: reason } = error
  if ((error as { code?: unknown }).code === '42P01') {
    return { reason, line: 'the database has no tables yet: run npm run migrate' }
  }
  const fault = await withTimeout(pingTimeoutMs, store.ping).then(
    () => undefined,
    (pingError: Error) => pingError.message,
  )
  if (fault !== undefined) {
    return { reason: fault, line: 'waiting for Postgres: start it, or set DATABASE_URL' }
  }
  if (error instanceof LogRefusesUs) {
    return { reason, line: 'waiting for the command log, which does not let us in' }
  }
  const setting = config.COMMAND_LOG === 'kafka' ? 'KAFKA_BROKERS' : 'DATABASE_URL'
  const line = `waiting for the command log, ${config.COMMAND_LOG}: start it, or set ${setting}`
  return { reason, line }
}

/** At once when it is another thing that it waits for, else once in a while. */
const createWaitingLog = () => {
  let last = ''
  let writtenMs = -Infinity
  return ({ reason, line }: Waiting) => {
    const nowMs = performance.now()
    if (line === last && nowMs - writtenMs < sayAgainMs) return
    last = line
    writtenMs = nowMs
    log.warn({ reason }, line)
  }
}

/** Nothing is applied or skipped: what to do is the operator's to decide. */
const leaveAtOnce = (reason: string): never => {
  log.fatal(reason)
  process.exit(1)
}

const lag = createLagWatch(log)
const metrics = createWorkerMetrics(lag.lags, pools, announcer.counts)
const consuming = () => progress && consumer
const metricsPort = await openPages(
  config,
  metrics.registry,
  (isLiveness) => (isLiveness ? livePage : healthPage)(consuming(), progress?.stall()),
  log,
).catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exit(1)
})

const warning = kafkaSecurityWarning(config)
if (warning) log.warn(warning)
const logWaiting = createWaitingLog()
// For as long as it takes: a worker may be started before its broker.
for (;;) {
  try {
    const fault = await urlFault(postgresUrls(config))
    if (fault !== undefined) leaveAtOnce(fault)
    const settled = await settleLog(config, store, log)
    if (settled.kind === 'another') leaveAtOnce(settled.reason)
    else for (const note of settled.notes) log.warn(note)
    break
  } catch (error) {
    logWaiting(await whatItWaitsFor(error as Error))
    const pauseMs = error instanceof LogRefusesUs ? refusedPauseMs : waitForLogMs
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
announcer.start()
const sink = createSink({
  log: config.KAFKA_TODO_TOPIC,
  store,
  onApplied(batch) {
    announcer.changed()
    if (batch.personalLists.size > 0) void pages.changed(batch.personalLists)
    metrics.applied(batch)
    logBatch(batch, log)
  },
  logger: log,
})
if (!stopping) {
  progress = watchProgress({
    ends: openEndsReader(config, log),
    readApplied: () => store.nextOffsets(config.KAFKA_TODO_TOPIC),
    consumer,
    lag,
    log,
  })
}
try {
  await consumer.start(lag.watch(sink), leaveAtOnce)
} catch (error) {
  if (!stopping) throw error // it was told to leave while it was joining
}
setInterval(lag.report, reportLagEveryMs).unref()
setInterval(() => {
  // Tried again in ten minutes.
  store.pruneAppliedCommands(appliedCommandsKeptSec).catch(() => {})
  store.pruneRateLimits().catch(() => {})
}, pruneEveryMs).unref()
log.info(
  { log: config.KAFKA_TODO_TOPIC, partitionsAtOnce: config.WORKER_POOL_SIZE },
  'worker ready',
)
process.send?.({ kind: 'ready', metricsPort })

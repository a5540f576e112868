// The worker: takes commands from the log and applies them to Postgres, batch by batch, then announces
// the change of the lists. Any number of workers may run; the log's partitions are shared out among them.

import '../lib/runtime/node-version.ts' // first: it refuses a Node that is too old
import { appendAudit, createPostgresAuditLog } from '../lib/audit/postgres.ts'
import { createPostgresAccountTokens } from '../lib/accounts/postgres-account-tokens.ts'
import { createPostgresErasures } from '../lib/accounts/postgres-erasures.ts'
import { openConsumer, openEndsReader } from '../lib/command-log/open.ts'
import { openEventAppender } from '../lib/events/open.ts'
import { shardWorkerBudget, workerBudget } from '../lib/drivers/postgres/budget.ts'
import { openDatabases } from '../lib/drivers/postgres/databases.ts'
import { postgresUrls } from '../lib/drivers/postgres/urls.ts'
import { readWalArchive } from '../lib/drivers/postgres/wal-archive.ts'
import { openTracing } from '../lib/drivers/otel/open.ts'
import { openRedis } from '../lib/drivers/redis/connections.ts'
import { addRedisMetrics } from '../lib/drivers/redis/metrics.ts'
import { redisTls } from '../lib/drivers/redis/tls.ts'
import { openListCache } from '../lib/list-cache/open.ts'
import { untilJoined } from '../lib/list-cache/waiting-shard.ts'
import { openMailer } from '../lib/mail/mailer.ts'
import { createPostgresMailOutbox } from '../lib/mail/postgres.ts'
import { openPageCache } from '../lib/page-cache/open.ts'
import { forgetEndedAccess, pruneEndedAccess } from '../lib/ended-access/postgres.ts'
import { openForgetLimits } from '../lib/rate-limit/forget.ts'
import { pruneRateLimits } from '../lib/rate-limit/postgres.ts'
import { addShardMetrics } from '../lib/shards/metrics.ts'
import { settledMapVersion } from '../lib/shards/moves.ts'
import { connectShards, unshardedFault } from '../lib/shards/open.ts'
import { createPruneShares } from '../lib/shares/prune.ts'
import { createIssueInvitation, doTeamChore, pruneInvitations } from '../lib/teams/postgres.ts'
import { takeNoArguments } from '../lib/runtime/command-line.ts'
import { readConfigOrExit } from '../lib/runtime/config/config.ts'
import { kafkaSecurityWarning } from '../lib/runtime/config/kafka-security.ts'
import { createLog, redirectConsole } from '../lib/runtime/log.ts'
import {
  closeParts,
  closeTimeoutMsDefault,
  databasesCloseTimeoutMs,
  openParts,
  type Part,
} from '../lib/runtime/parts.ts'
import { addTraceMetrics, createTraceCounts, messagingSystemOf } from '../lib/runtime/tracing.ts'
import { createPoolStats } from '../lib/runtime/pool-stats.ts'
import { createTodosElsewhere } from '../lib/todo-store/elsewhere.ts'
import { eraseUserFrom } from '../lib/todo-store/erasing.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { createShardedStore } from '../lib/todo-store/sharded.ts'
import { createAnnouncer } from './announce/announcer.ts'
import { createTeamChores } from './erase/team-chores.ts'
import { createErasing, createErasureCounts } from './erase/erase-accounts.ts'
import { addErasureMetrics } from './erase/metrics.ts'
import { createEventFeed } from './events/feed.ts'
import { untilAppended } from './events/until-appended.ts'
import { addEventMetrics } from './events/metrics.ts'
import { createCompose } from './mail/compose.ts'
import { addMailMetrics } from './mail/metrics.ts'
import { createMailCounts, createMailSending } from './mail/send-mails.ts'
import { healthPage, livePage } from './observe/health.ts'
import { createLagWatch } from './observe/lag.ts'
import { createWorkerMetrics } from './observe/metrics.ts'
import { openPages } from './observe/pages.ts'
import { createWorkerTraces } from './observe/traced.ts'
import { addWalArchiveMetrics, createWalArchiveWatch } from './observe/wal-archive.ts'
import { watchProgress, type Progress } from './observe/progress.ts'
import { createPruning, writesKnownSec } from './prune.ts'
import { applyBatch } from './todos/apply.ts'
import { logBatch } from './todos/batch-log.ts'
import { createPartitionShards } from './todos/partition-shards.ts'
import { createSink } from './todos/sink.ts'
import { waitForLog } from './todos/wait-for-log.ts'

/** A batch takes milliseconds; one that takes this long is on a lost connection, and tried again. */
const storeTimeoutMs = 20_000
/** A batch that is being applied is finished, or its statement times out; then the offset is committed. */
const consumerCloseTimeoutMs = storeTimeoutMs + 10_000
const reportLagEveryMs = 10_000

takeNoArguments(`usage: npm run worker
Applies commands of the log to the database. It takes no arguments: its settings are environment variables.
Any number may run, and share the log's partitions. SIGTERM finishes its batches and stops it.
Exit codes: 0 stopped, 1 failed, 2 wrong usage.`)
const config = readConfigOrExit('worker')
const log = createLog('worker', config.LOG_LEVEL)
redirectConsole(log)
const pools = { store: createPoolStats(), cache: createPoolStats() }
const databases = openDatabases(postgresUrls(config), workerBudget(config))
const redis = openRedis(config.REDIS_URL, log, redisTls(config))
const pool = databases.pool('todos', { timeoutMs: storeTimeoutMs, use: pools.store, log })
const main = createPostgresStore(pool)
const shards = connectShards(config, pool, {
  budget: shardWorkerBudget(config),
  timeoutMs: storeTimeoutMs,
  log,
})
const sharded = shards && createShardedStore({ ...shards, accounts: pool, shards: shards.pools })
const store = sharded ?? main
const lists =
  shards && sharded
    ? [...shards.databases].map(([name, at]) => {
        const cache = openListCache(config, at, redis, 1, log, undefined, name)
        return { name, ...untilJoined(cache, sharded.ofShard(name), shards.membership(name)) }
      })
    : [
        {
          name: undefined,
          cache: openListCache(config, databases, redis, 1, log, pools.cache),
          store: main,
        },
      ]
const pages = openPageCache(config, redis, log)
const traceCounts = createTraceCounts()
const tracing = await openTracing(config, 'todos-worker', traceCounts, log)
const traces = tracing && createWorkerTraces(tracing, messagingSystemOf(config.COMMAND_LOG))
const announcers = new Map(
  lists.map(({ name, cache, store: at }) => [
    name,
    createAnnouncer(at, traces ? traces.announcing(cache) : cache, log),
  ]),
)
const announceAll = () => {
  for (const announcer of announcers.values()) announcer.changed()
}
const appender = openEventAppender(config, databases, redis, log)
const events = createEventFeed(store, appender, log)
const consumer = openConsumer(config, databases, log)
const elsewhere = shards && createTodosElsewhere(shards.map, shards.pools)
const pruning = createPruning([
  () => store.prune(writesKnownSec),
  () => pruneRateLimits(pool),
  () => createPostgresAuditLog(pool).prune(config.AUDIT_KEPT_DAYS),
  () => pruneInvitations(pool),
  appender.prune,
  () => pruneEndedAccess(pool),
  ...(elsewhere ? [createPruneShares(pool, elsewhere)] : []),
])
const lag = createLagWatch(log)
const metrics = createWorkerMetrics(
  lag.lags,
  pools,
  [...announcers.values()].map(({ counts }) => counts),
)
addTraceMetrics(metrics.registry, traceCounts)
addRedisMetrics(metrics.registry, redis)
addShardMetrics(metrics.registry, shards && { ...shards, ...shards.watch })
addEventMetrics(metrics.registry, events)
const walArchive = createWalArchiveWatch(() => pool.run(readWalArchive), log)
addWalArchiveMetrics(metrics.registry, walArchive)
const mailCounts = createMailCounts()
addMailMetrics(metrics.registry, mailCounts)
const mailer = openMailer(config, log)
const mails =
  mailer &&
  createMailSending({
    outbox: createPostgresMailOutbox(pool),
    mailer,
    compose: createCompose(
      createPostgresAccountTokens(pool, appendAudit),
      createIssueInvitation(pool),
      config,
    ),
    counts: mailCounts,
    log,
  })
const ends = openEndsReader(config, databases, log)
const readApplied = () => store.nextOffsets(config.KAFKA_TODO_TOPIC)
const erasureCounts = createErasureCounts()
addErasureMetrics(metrics.registry, erasureCounts)
const forgetLimits = openForgetLimits(config, pool, redis)
/** Todos of who is erased may be moved meanwhile, from a shard that was not looked at to one that was. */
const mapVersion =
  shards &&
  (async () => {
    const version = await settledMapVersion(pool)
    if (version !== shards.map().version) throw new Error('the map of shards has just changed')
    return version
  })
const erasing = createErasing({
  erasures: createPostgresErasures(pool),
  eraseUser: (userId) =>
    eraseUserFrom(() => [pool, ...(shards?.allPools() ?? [])], userId, mapVersion),
  async readEnds() {
    const registered = await main.registeredLog(config.KAFKA_TODO_TOPIC)
    if (!registered) throw new Error('the database knows no command log')
    return { identity: registered.identity, ends: await ends.read() }
  },
  readApplied,
  async onErased({ lists: changedLists, pages: changed }) {
    if (changedLists) announceAll()
    if (changed) await pages.changed(changed)
  },
  async forget(userId) {
    await pages.forget([`user:${userId}`])
    await forgetLimits(userId)
    await forgetEndedAccess(pool, userId)
    // Any channel's events may name the user. It is rare, and whoever watches reads his lists anew.
    await untilAppended(store)
    await appender.reset()
  },
  counts: erasureCounts,
  log,
})
const partitionShards = shards && sharded && createPartitionShards(shards, sharded.ofShard)
const sink = createSink({
  log: config.KAFKA_TODO_TOPIC,
  store: main,
  ...(partitionShards && { shards: partitionShards }),
  onApplied(batch) {
    announcers.get(batch.shard ?? partitionShards?.homeOf(batch.partition))?.changed()
    if (batch.pages.size > 0) void pages.changed(batch.pages)
    metrics.applied(batch)
    logBatch(batch, log)
  },
  logger: log,
  events,
  ...(traces && { apply: traces.apply(applyBatch) }),
})

/** What to do is the operator's to decide. */
const leaveAtOnce = (reason: string): never => {
  log.fatal(reason)
  process.exit(1)
}

const chores = shards && createTeamChores((shardOf) => doTeamChore(pool, shardOf), shards, log)

let metricsPort: number | undefined
let progress: Progress | undefined
const consuming = () => progress && consumer
const parts: Part[] = [
  {
    name: 'metrics',
    async open() {
      metricsPort = await openPages(
        config,
        metrics.registry,
        (isLiveness) =>
          isLiveness
            ? livePage(consuming(), progress?.stall())
            : healthPage(consuming(), progress?.stall(), events.fault(), shards?.watch.down()),
        log,
      ).catch((error: unknown) => {
        process.stderr.write(`${(error as Error).message}\n`)
        process.exit(1)
      })
    },
    close() {}, // it ends with the process: probes are answered to the end
  },
  ...(tracing ? [{ name: 'traces', close: tracing.close }] : []),
  { name: 'databases', close: databases.close, closeTimeoutMs: databasesCloseTimeoutMs },
  ...(shards
    ? [{ name: 'shards', close: shards.close, closeTimeoutMs: databasesCloseTimeoutMs }]
    : []),
  { name: 'redis', close: redis.close },
  { name: 'pages', close: pages.close },
  { name: 'list cache', close: () => Promise.all(lists.map(({ cache }) => cache.close())) },
  { name: 'event appender', close: appender.close },
  {
    name: 'log',
    open: () =>
      waitForLog(
        config,
        { databases, main, store, shardFault: shards ? shards.start : () => unshardedFault(pool) },
        log,
        leaveAtOnce,
      ),
  },
  { name: 'pruning', open: () => Promise.resolve(pruning.start()), close: pruning.stop },
  { name: 'archive', open: () => Promise.resolve(walArchive.start()), close: walArchive.stop },
  ...(mails
    ? [
        {
          name: 'mails',
          open: () => Promise.resolve(mails.start()),
          close: mails.stop,
          closeTimeoutMs: config.MAIL_TIMEOUT_MS + closeTimeoutMsDefault,
        },
      ]
    : []),
  {
    name: 'announcements',
    open: () => Promise.resolve(announcers.forEach((announcer) => announcer.start())),
    close: () => Promise.all([...announcers.values()].map((announcer) => announcer.close())),
  },
  { name: 'events', open: () => Promise.resolve(events.start()), close: events.close },
  { name: 'consumer', close: consumer.stop, closeTimeoutMs: consumerCloseTimeoutMs },
  {
    name: 'progress',
    open() {
      progress = watchProgress({
        ends,
        readApplied,
        consumer: partitionShards
          ? { ...consumer, isOurs: (one) => consumer.isOurs(one) && !partitionShards.isHeldUp(one) }
          : consumer,
        lag,
        log,
      })
      return Promise.resolve()
    },
    close: () => progress?.stop(),
  },
  // Closed before what it reads from and announces to.
  ...(chores
    ? [{ name: 'team chores', open: () => Promise.resolve(chores.start()), close: chores.stop }]
    : []),
  { name: 'erasures', open: () => Promise.resolve(erasing.start()), close: erasing.stop },
  // After the progress, which is to notice that nobody lets the consumer in.
  { name: 'deliveries', open: () => consumer.start(lag.watch(sink), leaveAtOnce) },
]

let stopping = false
const stop = async () => {
  if (stopping) process.exit(1) // a second signal: leave at once
  stopping = true
  await closeParts(parts, log)
  process.exit(0)
}
process.on('SIGTERM', () => void stop())
process.on('SIGINT', () => void stop())
// Started by a parent that is gone (killed, not stopped): nobody else would stop this one.
process.on('disconnect', () => void stop())

const warning = kafkaSecurityWarning(config)
if (warning) log.warn(warning)
try {
  await openParts(parts, log)
} catch (error) {
  if (!stopping) throw error // it was stopped while it was joining
}
setInterval(lag.report, reportLagEveryMs).unref()
log.info(
  { log: config.KAFKA_TODO_TOPIC, partitionsAtOnce: config.WORKER_POOL_SIZE },
  'worker ready',
)
process.send?.({ kind: 'ready', metricsPort })

// One server process: every part it is made of, wired in one place.

import { Registry } from '@prometheus-io/client'
import { setTimeout as delay } from 'node:timers/promises'
import { createPostgresAccounts } from '../lib/accounts/postgres.ts'
import { openProbe, openPublisher } from '../lib/command-log/open.ts'
import { settleLog } from '../lib/command-log/settle.ts'
import type { Config } from '../lib/runtime/config/config.ts'
import { createAccessTokenSigner, createTokenVerifier } from '../lib/accounts/access-token.ts'
import { openListCache } from '../lib/list-cache/open.ts'
import type { RegisteredLog } from '../lib/domain/log-identity.ts'
import { createLog, type Log } from '../lib/runtime/log.ts'
import { addPoolMetrics, addProcessMetrics } from '../lib/runtime/metrics.ts'
import { openPageCache } from '../lib/page-cache/open.ts'
import { createPoolUse } from '../lib/runtime/pool-stats.ts'
import { postgresUrls } from '../lib/drivers/postgres/urls.ts'
import { createRefreshTokens } from '../lib/accounts/refresh-token.ts'
import { openLimiter } from '../lib/rate-limit/open.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { withTimeout } from '../lib/runtime/deadline.ts'
import { createAppliedCommands } from './features/todos/applied-commands.ts'
import { createClientOf } from './http/client-address.ts'
import { listHeadersOf, readCors, withCors } from './http/cors.ts'
import type { App, Engine, EngineSettings } from './http/engines/engine.ts'
import { createNodeEngine } from './http/engines/node/node-http.ts'
import { checkAll, type Dependency } from './features/health/health.ts'
import { createHotLists, type HotLists } from './features/public-lists/hot-list.ts'
import type { Held } from './features/public-lists/freshness.ts'
import { createLimitChecks, limitPolicies } from './limits/limits.ts'
import { createLogGate } from './features/todos/log-gate.ts'
import { forkPlace, reportMetrics } from './process/metrics-fork.ts'
import { addListMetrics } from './features/public-lists/metrics.ts'
import { addPublishMetrics } from './features/todos/metrics.ts'
import { addConnectionMetrics, addRequestMetrics } from './http/metrics.ts'
import { addLimitMetrics } from './limits/metrics.ts'
import { boundInFlight, createReadQueue } from './http/pending.ts'
import { createPasswords } from './features/accounts/passwords/passwords.ts'
import { createThreadHasher } from './features/accounts/passwords/thread-hasher.ts'
import { createRevokedSessions, withoutRevoked } from './identity/revoked-sessions.ts'
import { createRouter } from './http/router.ts'
import { createRoutes } from './features/index.ts'

export type Fork = {
  /** What `/ready` had against it when it began to listen. */
  readonly unready: string | undefined
  /** From now on `/ready` fails; all else goes on. */
  announceDrain(): void
  /** Requests in flight finish, publishes are settled, then everything is let go. In bounded time. */
  stop(): Promise<void>
}

const readyLookEveryMs = 20
/** Of a process. A refresh takes one for a millisecond, and passwords are checked one at a time. */
const accountConnectionsMax = 2
/** What is left to let go of once publishes are settled. */
const closeTimeoutMs = 3_000

/**
 * Resolves when it listens, with the usual lists warm. Rejects with what stands in the way. With
 * something away it listens all the same, after readyWaitMs: lists can be served without the log.
 */
export const startFork = async (
  config: Config,
  registered: RegisteredLog | undefined,
  readyWaitMs: number,
): Promise<Fork> => {
  const log = createLog('server', config.LOG_LEVEL)
  const share = (total: number) => Math.max(1, Math.floor(total / config.HTTP_PROCESSES))
  const registry = new Registry()
  const pools = {
    store: createPoolUse(),
    cache: createPoolUse(),
    log: createPoolUse(),
    accounts: createPoolUse(),
  }
  const store = createPostgresStore({
    ...postgresUrls(config),
    poolSize: share(config.DB_POOL_SIZE),
    timeoutMs: config.LIST_REFRESH_TIMEOUT_MS,
    use: pools.store,
    log,
  })
  const cache = openListCache(config, share(config.REDIS_POOL_SIZE), log, pools.cache)
  const pages = openPageCache(config, log)
  const probe = openProbe(config, log)
  const gate = createLogGate({
    name: config.KAFKA_TODO_TOPIC,
    registered,
    async readRegistered() {
      const known = await store.registeredLog(config.KAFKA_TODO_TOPIC)
      if (known !== undefined) return known
      const settled = await settleLog(config, store, log)
      if (settled.kind === 'another') throw new Error(settled.reason)
      return settled.registered
    },
    probe,
    partitions: config.KAFKA_PARTITIONS,
    log,
  })
  const publisher = addPublishMetrics(registry, openPublisher(config, gate, log, pools.log))
  const cors = readCors(config.CORS_ORIGINS)
  const lists = createHotLists({
    cache,
    store,
    headers: listHeadersOf(cors),
    settings: {
      ttlMs: config.CACHE_TTL_SEC * 1000,
      refreshIntervalMs: config.LIST_REFRESH_INTERVAL_MS,
      refreshTimeoutMs: config.LIST_REFRESH_TIMEOUT_MS,
      staleIfErrorMs: config.LIST_STALE_IF_ERROR_SEC * 1000,
      memoryBytesMax: listMemory(config).keptBytesMax,
    },
    log,
  })
  const applied = createAppliedCommands(store)
  const secret = config.JWT_SECRET as string
  const accounts = createPostgresAccounts({
    ...postgresUrls(config),
    poolSize: Math.min(accountConnectionsMax, share(config.DB_POOL_SIZE)),
    timeoutMs: config.LIST_REFRESH_TIMEOUT_MS,
    use: pools.accounts,
    log,
  })
  const revoked = createRevokedSessions(accounts, log)
  const verifyToken = withoutRevoked(createTokenVerifier(secret), revoked.has)
  const passwords = createPasswords(
    {
      cost: config.AUTH_BCRYPT_COST,
      queueMax: config.AUTH_PASSWORD_QUEUE_MAX,
      waitMaxMs: config.AUTH_PASSWORD_WAIT_MAX_MS,
    },
    createThreadHasher(),
  )
  const clientOf = createClientOf(config.TRUSTED_PROXIES)
  const policies = limitPolicies(config)
  const limiter = openLimiter(config, policies, log)
  const limits = createLimitChecks({
    ...{ limiter, policies, verifyToken, clientOf },
  })
  let draining = false
  const dependencies: Dependency[] = [
    { name: 'postgres', without: 'unready', check: () => withTimeout(1_000, store.ping) },
    { name: config.COMMAND_LOG, without: 'unready', check: publisher.ping },
    // Without Redis, lists still come from Postgres: no reason to take every server out.
    { name: config.LIST_CACHE, without: 'degraded', check: () => withTimeout(1_000, cache.ping) },
    listsAreFresh(lists),
  ]
  const inFlight = { count: 0 }
  const handle = createRouter(
    createRoutes({
      ...{ lists, publisher, store, applied, pages, verifyToken, clientOf },
      reads: createReadQueue(
        {
          waitingMax: config.READ_QUEUE_MAX,
          connections: share(config.DB_POOL_SIZE),
          waitMsMax: config.LIST_REFRESH_TIMEOUT_MS,
        },
        inFlight,
      ),
      sessions: {
        ...{ accounts, passwords, clientOf, log, onRevoked: revoked.add },
        refreshTokens: createRefreshTokens(secret),
        signAccessToken: createAccessTokenSigner(secret, config.AUTH_ACCESS_TTL_SEC),
        accessTtlSec: config.AUTH_ACCESS_TTL_SEC,
        refreshTtlSec: config.AUTH_REFRESH_TTL_SEC,
        refreshGraceSec: config.AUTH_REFRESH_GRACE_SEC,
      },
      dependencies,
      isDraining: () => draining,
    }),
    log,
    addRequestMetrics(registry),
    limits,
  )
  const app = withCors(cors, {
    ready: lists.sourceOfTarget,
    handle: boundInFlight(handle, config.HTTP_PENDING_MAX, inFlight),
  })
  const engine = await createEngine(config, app, log)
  addListMetrics(registry, lists)
  addLimitMetrics(registry, limiter.counts)
  addConnectionMetrics(registry, engine)
  addPoolMetrics(registry, pools)
  addProcessMetrics(registry, forkPlace())
  const reportLast = reportMetrics(registry)

  await Promise.all([lists.load(10), limiter.open()])
  const [unready] = await Promise.all([
    becomesReady(dependencies, readyWaitMs),
    withTimeout(readyWaitMs, () => revoked.loaded).catch(() => {}),
  ])
  await engine.listen(config.HTTP_HOST, config.HTTP_PORT)
  return {
    unready,
    announceDrain() {
      draining = true
    },
    async stop() {
      applied.stop()
      await engine.drain(config.HTTP_DRAIN_TIMEOUT_MS, config.HTTP_DRAIN_DELAY_MS)
      lists.close()
      revoked.close()
      const publishTimeoutMs = config.PUBLISH_WAIT_MAX_MS + config.PUBLISH_TIMEOUT_MS
      try {
        await withTimeout(publishTimeoutMs + closeTimeoutMs, async () => {
          await publisher.close()
          gate.close()
          await probe.close()
          await cache.close()
          await pages.close()
          await store.close()
          await accounts.close()
          await passwords.close()
          await limiter.close()
        })
      } catch (error) {
        log.warn(
          { reason: (error as Error).message },
          'left without a word to what does not answer',
        )
      }
      await reportLast()
    },
  }
}

/** Else a process that takes another's place would refuse the first writes it gets. */
const becomesReady = async (
  dependencies: readonly Dependency[],
  waitMs: number,
): Promise<string | undefined> => {
  const deadlineMs = performance.now() + waitMs
  for (;;) {
    const { status, states } = await checkAll(dependencies)
    if (status !== 'unready') return undefined
    if (performance.now() > deadlineMs) {
      const failing = Object.entries(states).filter(([, state]) => state !== 'ok')
      return failing.map((each) => each.join(' ')).join(', ')
    }
    await delay(readyLookEveryMs)
  }
}

/** What LIST_MEMORY_MAX_MB allows, shared out. */
const listMemory = (config: Config) => {
  const bytesMax = config.LIST_MEMORY_MAX_MB * 1_000_000
  return {
    /** The lists and the replies that are made of them, compressed ones included. */
    keptBytesMax: bytesMax / 2,
    /** What slow clients have not read yet, of lists and replies that may be of the past. */
    unsentBytesMax: bytesMax / 3,
    /** Replies as they are sent, in several copies, for a second. */
    wireBytesMax: bytesMax / 6,
  }
}

const createEngine = async (config: Config, app: App, log: Log): Promise<Engine> => {
  const memory = listMemory(config)
  const settings: EngineSettings = {
    headersTimeoutMs: config.HTTP_HEADERS_TIMEOUT_MS,
    requestTimeoutMs: config.HTTP_REQUEST_TIMEOUT_MS,
    keepAliveTimeoutMs: config.HTTP_KEEP_ALIVE_TIMEOUT_MS,
    writeStallTimeoutMs: config.HTTP_WRITE_STALL_TIMEOUT_MS,
    headerBytesMax: config.HTTP_HEADER_BYTES_MAX,
    connectionsMax: Math.ceil(config.HTTP_CONNECTIONS_MAX / config.HTTP_PROCESSES),
    backlog: config.HTTP_BACKLOG,
    pipelineMax: config.HTTP_PIPELINE_MAX,
    pendingMax: config.HTTP_PENDING_MAX,
    unsentBytesMax: memory.unsentBytesMax,
    wireBytesMax: memory.wireBytesMax,
  }
  if (config.HTTP_ENGINE === 'node') return createNodeEngine(app, settings)
  const { createUwsEngine } = await import('./http/engines/uws/uws.ts')
  return createUwsEngine(app, settings, log)
}

/**
 * A process that has just started waits for its first fresh list, or for the reason why there is none:
 * without Redis it serves lists from Postgres, and is no reason to stop a rollout.
 */
const listsAreFresh = (lists: HotLists): Dependency => ({
  name: 'lists',
  get without() {
    return lists.wereFresh() || lists.trust().kind === 'unverified' ? 'degraded' : 'unready'
  },
  check() {
    const trust = lists.trust()
    if (trust.kind === 'unverified') return Promise.reject(new Error(`unverified, ${trust.reason}`))
    const { newest } = lists.held()
    if (newest.kind === 'fresh' || (lists.wereFresh() && isBeingRefreshed(newest))) {
      return Promise.resolve()
    }
    return Promise.reject(new Error(newest.kind))
  },
})

/** Under constant writes a list is stale at any moment, and milliseconds old. */
const refreshAgeMsMax = 1_000
const isBeingRefreshed = (list: Held): boolean =>
  list.kind === 'stale' && performance.now() - list.asOfMs < refreshAgeMsMax

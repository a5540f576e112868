// One server process: every part it is made of, wired in one place.

import { Registry } from '@prometheus-io/client'
import { createAccessTokenSigner, createTokenVerifier } from '../lib/accounts/access-token.ts'
import { createPostgresAccounts } from '../lib/accounts/postgres.ts'
import { createPostgresAccountTokens } from '../lib/accounts/postgres-account-tokens.ts'
import { createPostgresAdministration } from '../lib/accounts/postgres-administration.ts'
import { requestErasure } from '../lib/accounts/postgres-erasures.ts'
import { createRefreshTokens } from '../lib/accounts/refresh-token.ts'
import { appendAudit, createPostgresAuditLog } from '../lib/audit/postgres.ts'
import { openProbe, openPublisher, readEnds } from '../lib/command-log/open.ts'
import type { RegisteredLog } from '../lib/domain/log-identity.ts'
import { forkBudget, shardForkBudget } from '../lib/drivers/postgres/budget.ts'
import { openDatabases, type Databases } from '../lib/drivers/postgres/databases.ts'
import type { Pool } from '../lib/drivers/postgres/pool.ts'
import { openReplicas, replicaTimeoutMs } from '../lib/drivers/postgres/replicas.ts'
import { postgresUrls, replicaUrls } from '../lib/drivers/postgres/urls.ts'
import { openTracing } from '../lib/drivers/otel/open.ts'
import { openEventAppender, openEventReader } from '../lib/events/open.ts'
import { openRedis } from '../lib/drivers/redis/connections.ts'
import { addRedisMetrics } from '../lib/drivers/redis/metrics.ts'
import { redisTls } from '../lib/drivers/redis/tls.ts'
import { createPostgresEndedAccess } from '../lib/ended-access/postgres.ts'
import type { ListCache } from '../lib/list-cache/list-cache.ts'
import { openListCache } from '../lib/list-cache/open.ts'
import { untilJoined } from '../lib/list-cache/waiting-shard.ts'
import { addMail, createPostgresMailOutbox } from '../lib/mail/postgres.ts'
import { openPageCache, pageTtlSec } from '../lib/page-cache/open.ts'
import { openLimiter } from '../lib/rate-limit/open.ts'
import { limitPolicies } from '../lib/rate-limit/request-policies.ts'
import { secretsIn } from '../lib/runtime/config/accounts.ts'
import type { Config } from '../lib/runtime/config/config.ts'
import { shardsIn } from '../lib/runtime/config/shard-urls.ts'
import { withTimeout } from '../lib/runtime/deadline.ts'
import { createLog, redirectConsole } from '../lib/runtime/log.ts'
import { addPoolMetrics, addProcessMetrics } from '../lib/runtime/metrics.ts'
import {
  closeParts,
  closeTimeoutMsDefault,
  databasesCloseTimeoutMs,
  dependenciesOf,
  openParts,
  type Part,
} from '../lib/runtime/parts.ts'
import { createPoolStats } from '../lib/runtime/pool-stats.ts'
import { addTraceMetrics, createTraceCounts, messagingSystemOf } from '../lib/runtime/tracing.ts'
import { addShardMetrics } from '../lib/shards/metrics.ts'
import { connectShards, type Shards } from '../lib/shards/open.ts'
import { createPostgresShares, endSharesOf } from '../lib/shares/postgres.ts'
import { createLeaveTeams, createPostgresTeams, todosElsewhere } from '../lib/teams/postgres.ts'
import { openDeadLetters, openShardedDeadLetters } from '../lib/todo-store/dead-letters.ts'
import { createTodosElsewhere } from '../lib/todo-store/elsewhere.ts'
import { createLetterChanges } from '../lib/todo-store/letter-changes.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { createShardedStore } from '../lib/todo-store/sharded.ts'
import type { ReadingStore, TodoStore } from '../lib/todo-store/todo-store.ts'
import { erasureWaits } from './features/accounts/erasure-waits.ts'
import { createFailedLogins, failedLoginPolicy } from './features/accounts/failed-logins.ts'
import { createMailRequests, mailPolicy } from './features/accounts/mail-requests.ts'
import { addAccountMetrics, createAccountCounts } from './features/accounts/metrics.ts'
import { openPasswords, passwordRulesOf } from './features/accounts/passwords/open.ts'
import { addEventReaderMetrics } from './features/health/event-reader-metrics.ts'
import { checkAll } from './features/health/health.ts'
import { addDependencyMetrics } from './features/health/metrics.ts'
import { addReplicaMetrics, replicasAreUsed } from './features/health/replicas.ts'
import { becomesReady } from './features/health/readiness.ts'
import { createChannelKinds, createEndpoints } from './features/index.ts'
import { openPage } from './features/page/open.ts'
import { loadAtStart } from './features/public-lists/first-load.ts'
import type { ListSource } from './features/public-lists/merged-list.ts'
import { addListMetrics } from './features/public-lists/metrics.ts'
import { openHotLists } from './features/public-lists/open.ts'
import { listsAreFresh } from './features/public-lists/ready.ts'
import { addShareMetrics, createShareCounts } from './features/shares/metrics.ts'
import { createMembershipEvents } from './features/teams/membership-events.ts'
import { addTeamMetrics, createTeamCounts } from './features/teams/metrics.ts'
import { createAppliedCommands } from './features/todos/applied-commands.ts'
import { openLogGate } from './features/todos/log-gate.ts'
import { addPublishMetrics } from './features/todos/metrics.ts'
import { tracePublishing } from './features/todos/traced-publisher.ts'
import type { Grpc, openGrpc as OpenGrpc } from './grpc/open.ts'
import { addGrpcMetrics } from './grpc/metrics.ts'
import { createClientOf } from './http/client-address.ts'
import { methodsOf, probePathsOf } from './http/contract/endpoint.ts'
import { allowsOrigin, listHeadersOf, readCors, withCors } from './http/cors.ts'
import { openEngine } from './http/engines/open.ts'
import { addConnectionMetrics, addReadyMetrics, addRequestMetrics } from './http/metrics.ts'
import { boundInFlight, createReadQueue, type InFlight } from './http/pending.ts'
import { readRequestTotals } from './http/request-totals.ts'
import { createTracedRouter } from './http/traced-router.ts'
import {
  addActiveUserMetrics,
  createActiveUsers,
  withActiveUsers,
} from './identity/active-users.ts'
import { createAuthenticate, createPrincipalOf, tokenOf } from './identity/authenticate.ts'
import { createRevokedSessions, withoutRevoked } from './identity/revoked-sessions.ts'
import { createRequireSystemAdmin } from './identity/system-admins.ts'
import { createProcessLimits, readyLimitOf } from './limits/in-process.ts'
import { createLimitChecks } from './limits/limits.ts'
import { addLimitMetrics } from './limits/metrics.ts'
import type { ForkSockets } from './process/hand-sockets.ts'
import { forkIndex, reportMetrics } from './process/metrics-fork.ts'
import { openTraffic } from './process/traffic-fork.ts'
import { createChannels } from './realtime/channels.ts'
import { addLiveMetrics } from './realtime/counts.ts'
import { createLive, liveSettingsOf } from './realtime/live.ts'

export type Fork = {
  /** What `/ready` had against it when it began to listen. */
  readonly unready: string | undefined
  /** From now on `/ready` fails; all else goes on. */
  announceDrain(): void
  /** Requests in flight finish, publishes are settled, then everything is let go. In bounded time. */
  stop(): Promise<void>
}

/**
 * Resolves when it listens, with the usual lists warm. Rejects with what stands in the way. With
 * something unavailable it listens all the same, after readyWaitMs: lists need no log.
 */
export const startFork = async (
  config: Config,
  registered: RegisteredLog | undefined,
  readyWaitMs: number,
  /** What it accepts from, instead of a socket of its own. */
  sockets: Promise<ForkSockets> = Promise.resolve({ http: [], grpc: [] }),
): Promise<Fork> => {
  const log = createLog('server', config.LOG_LEVEL)
  redirectConsole(log)
  const registry = new Registry()
  const pools = {
    store: createPoolStats(),
    cache: createPoolStats(),
    log: createPoolStats(),
    accounts: createPoolStats(),
  }
  const budget = forkBudget(config)
  const databases = openDatabases(postgresUrls(config), budget)
  const redis = openRedis(config.REDIS_URL, log, redisTls(config))
  const timeoutMs = config.LIST_REFRESH_TIMEOUT_MS
  const replicas = openReplicas(replicaUrls(config), {
    primary: () => databases.pool('replica watch', { timeoutMs: replicaTimeoutMs }),
    poolSize: budget.todos,
    lagMsMax: config.DATABASE_REPLICA_LAG_MAX_MS,
    log,
  })
  const todoPool = databases.pool('todos', { timeoutMs, use: pools.store, log })
  const redisShare = Math.max(1, Math.floor(config.REDIS_POOL_SIZE / config.HTTP_PROCESSES))
  const shardUses = createShardUses(config)
  const shards = connectShards(config, todoPool, {
    budget: shardForkBudget(config),
    timeoutMs,
    uses: shardUses.todos,
    log,
  })
  const { store, lists: sources } = shards
    ? openShardedTodos(config, todoPool, shards, (name, at) =>
        openListCache(config, at, redis, redisShare, log, shardUses.lists.get(name), name),
      )
    : openTodos(
        createPostgresStore(todoPool, config.LIST_WHOLE_TODOS_MAX, {
          replicas,
          log: config.KAFKA_TODO_TOPIC,
        }),
        openListCache(config, databases, redis, redisShare, log, pools.cache),
      )
  // Before anything is read from one. While the map can't be read, lists can't either, and all else is a 503.
  const shardFault = await shards?.start().catch(() => undefined)
  if (shardFault !== undefined) throw new Error(shardFault)
  const pages = openPageCache(config, redis, log)
  const probe = openProbe(config, databases, log)
  const gate = openLogGate(config, databases, store, registered, probe, log)
  const traceCounts = createTraceCounts()
  const tracing = await openTracing(config, 'todos-server', traceCounts, log)
  const watched = addPublishMetrics(
    registry,
    openPublisher(config, databases, gate, log, pools.log),
  )
  const publisher = tracing
    ? tracePublishing(tracing, watched, {
        system: messagingSystemOf(config.COMMAND_LOG),
        name: config.KAFKA_TODO_TOPIC,
      })
    : watched
  const cors = readCors(config.CORS_ORIGINS, config.CORS_REQUEST_HEADERS)
  const lists = openHotLists(config, sources, listHeadersOf(cors), log)
  const page = openPage(config, listHeadersOf(cors), log)
  const applied = createAppliedCommands(store)
  const secret = config.JWT_SECRET as string
  const accepted = secretsIn(config.JWT_SECRETS_ACCEPTED)
  const accountPool = databases.pool('accounts', { timeoutMs, use: pools.accounts, log })
  const accounts = createPostgresAccounts(accountPool, databases.listen, log)
  const revoked = createRevokedSessions(accounts, log)
  const verifyToken = withoutRevoked(
    createTokenVerifier(secret, { accepted, leewaySec: config.AUTH_CLOCK_LEEWAY_SEC }),
    revoked.has,
  )
  const shareCounts = createShareCounts()
  const shares = createPostgresShares(accountPool, {
    appendAudit,
    onChanged: shareCounts.add,
    bounds: { sharesOfTodoMax: config.SHARES_PER_TODO_MAX },
    elsewhere: shards && createTodosElsewhere(shards.map, shards.pools),
    replicas,
  })
  const todosOfTeams = shards && todosElsewhere
  const leaveTeams = createLeaveTeams(appendAudit, endSharesOf, todosOfTeams)
  const passwords = openPasswords(config)
  const policies = limitPolicies(config)
  const processLimits = createProcessLimits(config)
  const loginPolicy = failedLoginPolicy(config)
  const mailsPolicy = mailPolicy(config)
  const outbox = createPostgresMailOutbox(accountPool)
  const limiter = openLimiter(
    config,
    databases,
    redis,
    [...policies, loginPolicy, mailsPolicy].filter((one) => one !== undefined),
    log,
  )
  const letters = shards
    ? openShardedDeadLetters(accountPool, shards.pools, config.KAFKA_TODO_TOPIC, shards.isWaiting)
    : openDeadLetters(accountPool, config.KAFKA_TODO_TOPIC)
  const mails = createMailRequests(config, outbox, limiter, mailsPolicy)
  const teamCounts = createTeamCounts()
  const eventReader = openEventReader(config, databases, redis, log)
  const eventAppender = openEventAppender(config, databases, redis, log)
  const endedAccess = createPostgresEndedAccess(accountPool, databases.listen, log)
  const memberships = createMembershipEvents(eventAppender)
  const teams = createPostgresTeams(accountPool, {
    appendAudit,
    onChanged(...change) {
      teamCounts.add(change[0])
      memberships.tell(...change)
    },
    sendInvitation: mails.isOn
      ? async (sql, { id, email }) => {
          if (!(await mails.takesOne('invitation', email))) return 'too-many-mails'
          return (await addMail(sql, 'invitation', id)) === 'full' ? 'mail-busy' : 'queued'
        }
      : undefined,
    requiresVerifiedEmail: config.AUTH_EMAIL_VERIFICATION === 'required',
    todos: todosOfTeams,
    bounds: {
      teamsOfUserMax: config.TEAMS_PER_USER_MAX,
      membersMax: config.TEAM_MEMBERS_MAX,
      invitationsMax: config.TEAM_INVITATIONS_MAX,
      invitationTtlSec: config.TEAM_INVITATION_TTL_SEC,
    },
  })
  const stores: Part[] = [
    { name: 'metrics', close: reportMetrics(registry) }, // what was counted to the end is not lost
    ...(tracing ? [{ name: 'traces', close: tracing.close }] : []),
    { name: 'databases', close: databases.close, closeTimeoutMs: databasesCloseTimeoutMs },
    {
      name: 'replicas',
      // Without them all is read on the primary.
      ...(replicas.replicas.length > 0 && {
        ready: { name: 'replicas', without: 'degraded', check: replicasAreUsed(replicas) },
      }),
      close: replicas.close,
    },
    ...(shards
      ? [
          {
            name: 'shards',
            // What the others have is served.
            ready: { name: 'shards', without: 'degraded', check: shards.check } as const,
            close: shards.close,
            closeTimeoutMs: databasesCloseTimeoutMs,
          },
        ]
      : []),
    { name: 'redis', close: redis.close },
    { name: 'limits', open: limiter.open },
    { name: 'passwords', close: passwords.close },
    {
      name: 'todos',
      ready: { name: 'postgres', without: 'unready', check: () => withTimeout(1_000, store.ping) },
    },
    { name: 'log probe', close: probe.close },
    { name: 'log gate', close: gate.close },
    {
      name: 'publisher',
      ready: { name: config.COMMAND_LOG, without: 'unready', check: publisher.ping },
      close: publisher.close,
      closeTimeoutMs:
        config.PUBLISH_WAIT_MAX_MS + config.PUBLISH_TIMEOUT_MS + closeTimeoutMsDefault,
    },
    {
      name: 'list cache',
      // Without Redis, lists still come from Postgres: no reason to take every server out.
      ready: {
        name: config.LIST_CACHE,
        without: 'degraded',
        check: () =>
          withTimeout(1_000, async () => {
            // A shard that is down is told of by itself.
            const up = sources.filter(({ name }) => !shards?.watch.isDown(name ?? ''))
            await Promise.all(up.map(({ cache }) => cache.ping()))
          }),
      },
      close: () => Promise.all(sources.map(({ cache }) => cache.close())),
    },
    { name: 'pages', close: pages.close },
    {
      name: 'event reader',
      // Nobody hears what happens then, and all else goes on.
      ready: { name: 'events', without: 'degraded', check: () => refuseWith(eventReader.fault()) },
      close: eventReader.close,
    },
    { name: 'event appender', close: eventAppender.close },
    { name: 'memberships', close: memberships.close },
    { name: 'revoked sessions', close: revoked.close },
    { name: 'ended access', close: endedAccess.close },
    {
      name: 'lists',
      open: () => loadAtStart(lists),
      ready: listsAreFresh(lists),
      close: lists.close,
    },
  ]
  const dependencies = dependenciesOf(stores)

  let draining = false
  const inFlight: InFlight = { count: 0 }
  const accountCounts = createAccountCounts()
  const activeUsers = createActiveUsers()
  const authenticate = withActiveUsers(createAuthenticate(verifyToken), activeUsers)
  const clientOf = createClientOf(config.TRUSTED_PROXIES)
  const live = createLive({
    settings: liveSettingsOf(config),
    channels: createChannels(createChannelKinds({ store, teams, shares })),
    events: eventReader,
    signals: eventReader,
    verify: createPrincipalOf(verifyToken),
    clientOf,
    isOriginAllowed: (request) => allowsOrigin(cors, request),
    log,
  })
  revoked.whenAdded(live.sessionEnded)
  endedAccess.watch(live.accessEnded)
  const endpoints = createEndpoints({
    publicUrl: config.PUBLIC_API_URL,
    lists,
    publisher,
    store,
    applied,
    pages,
    reads: createReadQueue(
      {
        waitingMax: config.READ_QUEUE_MAX,
        connections: budget.todos * (shards?.names.length ?? 1 + replicas.replicas.length),
        waitMsMax: config.LIST_REFRESH_TIMEOUT_MS,
      },
      inFlight,
    ),
    hasKeyedBuckets: shards !== undefined,
    requiresIfMatch: config.WRITE_IF_MATCH === 'required',
    accounts: {
      accounts,
      administration: createPostgresAdministration(
        accountPool,
        appendAudit,
        async (sql, by, userId) => {
          await leaveTeams(sql, by, userId)
          await requestErasure(sql, userId, erasureWaits(config))
        },
      ),
      passwords,
      passwordRules: passwordRulesOf(config),
      failedLogins: createFailedLogins(limiter, loginPolicy),
      mails,
      accountTokens: createPostgresAccountTokens(accountPool, appendAudit),
      requiresVerifiedEmail: config.AUTH_EMAIL_VERIFICATION === 'required',
      log,
      onRevoked: revoked.add,
      refreshTokens: createRefreshTokens(secret, accepted),
      signAccessToken: createAccessTokenSigner(secret, config.AUTH_ACCESS_TTL_SEC),
      profileTtlMs: pageTtlSec(config) * 1_000,
      accessTtlSec: config.AUTH_ACCESS_TTL_SEC,
      refreshTtlSec: config.AUTH_REFRESH_TTL_SEC,
      refreshGraceSec: config.AUTH_REFRESH_GRACE_SEC,
      counts: accountCounts,
    },
    teams,
    shares,
    watch: { live, authenticate, tokenOf },
    audit: createPostgresAuditLog(accountPool),
    page,
    operations: {
      async readLag() {
        // First: read after the log's ends, it could be ahead of them.
        const applied = await store.nextOffsets(config.KAFKA_TODO_TOPIC)
        const ends = await readEnds(config, databases, log)
        return [...ends].map(([partition, end]) => {
          return { partition, end, applied: applied.get(partition) ?? 0 }
        })
      },
      readTraffic: openTraffic(() => readRequestTotals(registry)),
      readDependencies: async () => (await checkAll(dependencies)).states,
      letters,
      letterChanges: createLetterChanges(
        letters,
        (command) => publisher.publish(command),
        accountPool,
        appendAudit,
      ),
      heldLists: lists.held,
    },
    dependencies,
    isDraining: () => draining,
  })
  const handle = createTracedRouter(tracing, probePathsOf(endpoints), {
    endpoints,
    authenticate,
    requireSystemAdmin: createRequireSystemAdmin(accounts),
    clientOf,
    limits: createLimitChecks(limiter, policies, processLimits),
    log,
    onAnswered: addRequestMetrics(registry),
  })
  const bounded = boundInFlight(handle, config.HTTP_PENDING_MAX, probePathsOf(endpoints), inFlight)
  const app = withCors(cors, methodsOf(endpoints), {
    ready: (target, acceptEncoding, ifNoneMatch) =>
      lists.sourceOfTarget(target, acceptEncoding, ifNoneMatch) ??
      page.sourceOfTarget(target, acceptEncoding, ifNoneMatch),
    readyLimitOf: readyLimitOf(processLimits, config.TRUSTED_PROXIES),
    webSockets: live.webSockets,
    handle: bounded,
  })
  const grpc = config.GRPC_PORT === 'off' ? undefined : await loadGrpc(config, bounded, cors)
  const engine = await openEngine(config, app, log)
  addReadyMetrics(registry, { '/todos': lists.counts.ready, '/app': page.tallies })
  addListMetrics(registry, lists)
  addLimitMetrics(registry, limiter.counts, processLimits)
  addConnectionMetrics(registry, engine)
  if (grpc) addGrpcMetrics(registry, grpc)
  addAccountMetrics(registry, accountCounts)
  addTeamMetrics(registry, teamCounts)
  addShareMetrics(registry, shareCounts)
  addEventReaderMetrics(registry, eventReader)
  addLiveMetrics(registry, live.counts, live.hub.channels, live.presence)
  addActiveUserMetrics(registry, activeUsers)
  addDependencyMetrics(registry, dependencies)
  addReplicaMetrics(registry, replicas)
  addShardMetrics(registry, shards && { ...shards, ...shards.watch })
  addRedisMetrics(registry, redis)
  addPoolMetrics(registry, { ...pools, ...shardUses.all })
  addTraceMetrics(registry, traceCounts)
  addProcessMetrics(registry, forkIndex())

  let unready: string | undefined
  const parts: Part[] = [
    ...stores,
    {
      name: 'readiness',
      async open() {
        ;[unready] = await Promise.all([
          becomesReady(dependencies, readyWaitMs),
          withTimeout(readyWaitMs, () => revoked.loaded).catch(() => {}),
        ])
      },
    },
    {
      name: 'engine',
      open: async () => engine.listen(config.HTTP_HOST, config.HTTP_PORT, (await sockets).http),
      close: () => engine.drain(config.HTTP_DRAIN_TIMEOUT_MS, config.HTTP_DRAIN_DELAY_MS),
      closeTimeoutMs:
        config.HTTP_DRAIN_TIMEOUT_MS + config.HTTP_DRAIN_DELAY_MS + closeTimeoutMsDefault,
    },
    ...(grpc ? [grpcPart(config, grpc, sockets)] : []),
    // Closed first: those who watch or wait would else keep the engine from draining. Who goes at once,
    // without a drain, makes room for another.
    { name: 'live clients', close: () => live.close(!draining) },
    { name: 'applied commands', close: applied.stop },
  ]
  await openParts(parts, log)
  return {
    unready,
    announceDrain() {
      draining = true
    },
    stop: () => closeParts(parts, log),
  }
}

type Todos = { readonly store: ReadingStore & PublicChannelStore; readonly lists: ListSource[] }
type PublicChannelStore = Pick<TodoStore, 'listVersion'>

const openTodos = (store: TodoStore, cache: ListCache): Todos => ({
  store,
  lists: [{ cache, store }],
})

const openShardedTodos = (
  config: Config,
  accounts: Pool,
  shards: Shards,
  cacheOf: (name: string, at: Databases) => ListCache,
): Todos => {
  const store = createShardedStore(
    { ...shards, accounts, shards: shards.pools },
    config.LIST_WHOLE_TODOS_MAX,
  )
  return {
    // No number says how new a list of several shards is: whoever watches it is asked to wait for none.
    store: { ...store, listVersion: () => Promise.resolve(0) },
    lists: [...shards.databases].map(([name, at]) => {
      const listed = untilJoined(cacheOf(name, at), store.ofShard(name), shards.membership(name))
      return { name, ...listed }
    }),
  }
}

/** How much the pools of each shard are used. */
const createShardUses = (config: Config) => {
  const usesOf = () =>
    new Map(shardsIn(config.DATABASE_SHARDS).map(({ name }) => [name, createPoolStats()]))
  const uses = { todos: usesOf(), lists: usesOf() }
  const all = Object.entries(uses).flatMap(([of, some]) =>
    [...some].map(([name, use]) => [`shard ${name} ${of}`, use] as const),
  )
  return { ...uses, all: Object.fromEntries(all) }
}

const refuseWith = (fault: string | undefined): Promise<void> =>
  fault === undefined ? Promise.resolve() : Promise.reject(new Error(fault))

const loadGrpc = async (...args: Parameters<typeof OpenGrpc>): Promise<Grpc> => {
  const { openGrpc } = await import('./grpc/open.ts')
  return openGrpc(...args)
}

const grpcPart = (config: Config, grpc: Grpc, sockets: Promise<ForkSockets>): Part => ({
  name: 'grpc',
  open: async () => grpc.listen((await sockets).grpc),
  close: grpc.drain,
  closeTimeoutMs: config.HTTP_DRAIN_TIMEOUT_MS + closeTimeoutMsDefault,
})

// Every metric that the server and the worker define, by where it is defined. Nothing runs here: the
// definitions are taken from the registries, and nobody asks for values.

import { Registry } from '@prometheus-io/client'
import type { CommandPublisher } from '../../lib/command-log/command-log.ts'
import { noReplicas } from '../../lib/drivers/postgres/replicas.ts'
import { addRedisMetrics } from '../../lib/drivers/redis/metrics.ts'
import type { EventReader } from '../../lib/events/events.ts'
import type { LimiterCounts } from '../../lib/rate-limit/failover.ts'
import { addBuildInfo, addPoolMetrics, addProcessMetrics } from '../../lib/runtime/metrics.ts'
import { addTraceMetrics, createTraceCounts } from '../../lib/runtime/tracing.ts'
import { addShardMetrics } from '../../lib/shards/metrics.ts'
import { addAccountMetrics, createAccountCounts } from '../../server/features/accounts/metrics.ts'
import { addEventReaderMetrics } from '../../server/features/health/event-reader-metrics.ts'
import { addDependencyMetrics } from '../../server/features/health/metrics.ts'
import { addReplicaMetrics } from '../../server/features/health/replicas.ts'
import type { HotLists } from '../../server/features/public-lists/hot-list.ts'
import { addListMetrics } from '../../server/features/public-lists/metrics.ts'
import { addShareMetrics, createShareCounts } from '../../server/features/shares/metrics.ts'
import { addTeamMetrics, createTeamCounts } from '../../server/features/teams/metrics.ts'
import { addPublishMetrics } from '../../server/features/todos/metrics.ts'
import type { Engine } from '../../server/http/engines/engine.ts'
import { addGrpcMetrics } from '../../server/grpc/metrics.ts'
import {
  addConnectionMetrics,
  addReadyMetrics,
  addRequestMetrics,
} from '../../server/http/metrics.ts'
import { addActiveUserMetrics, createActiveUsers } from '../../server/identity/active-users.ts'
import { addLimitMetrics } from '../../server/limits/metrics.ts'
import { countForks } from '../../server/process/metrics-page.ts'
import { addLiveMetrics, createLiveCounts } from '../../server/realtime/counts.ts'
import type { AnnouncementCounts } from '../../worker/announce/announcer.ts'
import { createErasureCounts } from '../../worker/erase/erase-accounts.ts'
import { addErasureMetrics } from '../../worker/erase/metrics.ts'
import type { EventFeed } from '../../worker/events/feed.ts'
import { addEventMetrics } from '../../worker/events/metrics.ts'
import { addMailMetrics } from '../../worker/mail/metrics.ts'
import { createMailCounts } from '../../worker/mail/send-mails.ts'
import { addWalArchiveMetrics } from '../../worker/observe/wal-archive.ts'
import { createWorkerMetrics } from '../../worker/observe/metrics.ts'

export type Metric = {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labelNames: readonly string[]
  /** What several processes make of one series; counters and histograms are summed. */
  readonly aggregator: string
}

export type MetricGroup = {
  readonly title: string
  readonly about: string
  readonly metrics: readonly Metric[]
}

const definitionsIn = (registry: Registry): readonly Metric[] =>
  // A metric has these at hand, though the client's types do not say so.
  registry.getMetricsAsArray() as unknown as readonly Metric[]

const metricsOf = (add: (registry: Registry) => unknown): readonly Metric[] => {
  const registry = new Registry()
  add(registry)
  return definitionsIn(registry)
}

// Read when a scrape asks, and none does.
const unread: unknown = {}
const lists: unknown = { counts: { ready: {}, handled: {}, refreshes: {} } }
const limitCounts: LimiterCounts = { decisions: new Map(), stores: new Map() }

const shared = metricsOf((registry) => {
  addPoolMetrics(registry, {})
  addProcessMetrics(registry, '0')
  addBuildInfo(registry, '')
  addTraceMetrics(registry, createTraceCounts())
  addRedisMetrics(registry, { masters: () => new Map() })
})
const sharedNames = new Set(shared.map(({ name }) => name))

export const metricGroups: readonly MetricGroup[] = [
  {
    title: 'Requests and connections',
    about: 'On the page of the server.',
    metrics: metricsOf((registry) => {
      addRequestMetrics(registry)
      addReadyMetrics(registry, {})
      addConnectionMetrics(registry, unread as Engine)
    }),
  },
  {
    title: 'gRPC',
    about: 'On the page of the server, where GRPC_PORT is set.',
    metrics: metricsOf((registry) => addGrpcMetrics(registry, { connections: () => 0 })),
  },
  {
    title: 'Public lists',
    about: 'On the page of the server.',
    metrics: metricsOf((registry) => addListMetrics(registry, lists as HotLists)),
  },
  {
    title: 'Writes',
    about: 'On the page of the server.',
    metrics: metricsOf((registry) => addPublishMetrics(registry, unread as CommandPublisher)),
  },
  {
    title: 'Rate limits',
    about: 'On the page of the server.',
    metrics: metricsOf((registry) => addLimitMetrics(registry, limitCounts)),
  },
  {
    title: 'Users and accounts',
    about: 'On the page of the server.',
    metrics: metricsOf((registry) => {
      addAccountMetrics(registry, createAccountCounts())
      addActiveUserMetrics(registry, createActiveUsers())
    }),
  },
  {
    title: 'Teams',
    about: 'On the page of the server.',
    metrics: metricsOf((registry) => addTeamMetrics(registry, createTeamCounts())),
  },
  {
    title: 'Shares',
    about: 'On the page of the server.',
    metrics: metricsOf((registry) => addShareMetrics(registry, createShareCounts())),
  },
  {
    title: 'Events',
    about: 'On the page of the server.',
    metrics: metricsOf((registry) => addEventReaderMetrics(registry, unread as EventReader)),
  },
  {
    title: 'Live updates',
    about: 'On the page of the server.',
    metrics: metricsOf((registry) =>
      addLiveMetrics(registry, createLiveCounts(), () => 0, {
        present: () => 0,
        typingDropped: () => 0,
      }),
    ),
  },
  {
    title: 'Dependencies',
    about: 'On the page of the server.',
    metrics: metricsOf((registry) => {
      addDependencyMetrics(registry, [])
      addReplicaMetrics(registry, noReplicas)
    }),
  },
  {
    title: 'Shards',
    about: 'On both pages, with `DATABASE_SHARDS` only.',
    metrics: metricsOf((registry) => addShardMetrics(registry, { names: [], isDown: () => false })),
  },
  {
    title: 'Server processes',
    about: 'On the page of the server, counted by its first process.',
    metrics: metricsOf((registry) => countForks(registry, 1)),
  },
  {
    title: 'Worker',
    about: 'On the page of each worker.',
    metrics: definitionsIn(
      createWorkerMetrics(() => new Map(), {}, [unread as AnnouncementCounts]).registry,
    ).filter(({ name }) => !sharedNames.has(name)),
  },
  {
    title: 'Mail',
    about: 'On the page of each worker.',
    metrics: metricsOf((registry) => addMailMetrics(registry, createMailCounts())),
  },
  {
    title: 'Deleted accounts',
    about: 'On the page of each worker.',
    metrics: metricsOf((registry) => addErasureMetrics(registry, createErasureCounts())),
  },
  {
    title: 'Appended events',
    about: 'On the page of each worker.',
    metrics: metricsOf((registry) => addEventMetrics(registry, unread as EventFeed)),
  },
  {
    title: 'Archive of the database',
    about: 'On the page of each worker.',
    metrics: metricsOf((registry) =>
      addWalArchiveMetrics(registry, { unarchivedBytes: () => undefined }),
    ),
  },
  {
    title: 'Every process',
    about: 'On both pages. `process` is the place of a server process, `primary` or `worker`.',
    metrics: shared,
  },
]

// What a server process tells of itself, and where each figure comes from. Nothing here is called on the
// hot path: what happens there is kept as integers (ListCounts, Engine.connections) and read by a scrape.

import { Counter, Histogram, Registry } from '@prometheus-io/client'
import type { CommandPublisher } from '../lib/command-log/command-log.ts'
import { addCounter, addGauge, durationBuckets } from '../lib/metrics.ts'
import { refusalCauses } from '../lib/micro-batch.ts'
import type { LimiterCounts } from '../lib/rate-limit/failover.ts'
import type { Engine } from './engines/engine.ts'
import type { HotLists } from './hot-list.ts'
import type { Held } from './list-freshness.ts'
import type { Answered } from './router.ts'

/** A series for each method that there is, not for each that a client makes up. */
const methods = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'],
])

const requestLabels = ['http_request_method', 'http_route', 'http_response_status_code'] as const

/** Counts the requests that handlers answer; the others are in addListMetrics. */
export const addRequestMetrics = (registry: Registry): ((answered: Answered) => void) => {
  const durations = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'From the head of a request to its reply, by route; without the ready lists, see http_server_ready_requests_total.',
    labelNames: requestLabels,
    buckets: durationBuckets,
    registers: [registry],
  })
  return ({ method, route, status, seconds }) =>
    durations.observe(
      {
        http_request_method: methods.has(method) ? method : '_OTHER',
        http_route: route,
        http_response_status_code: status,
      },
      seconds,
    )
}

export const addListMetrics = (registry: Registry, lists: HotLists): void => {
  const { ready, handled, refreshes } = lists.counts
  const list = { http_request_method: 'GET', http_route: '/todos' }
  addCounter(
    registry,
    {
      name: 'http_server_ready_requests_total',
      help: 'Requests answered with ready bytes. Counted, not timed: a look at a clock would cost more than the answer; its latency is what the benchmark measures.',
      labelNames: requestLabels,
    },
    () => [
      [{ ...list, http_response_status_code: '200' }, ready.full.requests],
      [{ ...list, http_response_status_code: '304' }, ready.notModified.requests],
    ],
  )
  addCounter(
    registry,
    {
      name: 'todos_list_reads_total',
      help: 'Requests for a list: hit, answered from memory at once; miss, the list had to be fetched first.',
      labelNames: ['result'],
    },
    () => [
      [{ result: 'hit' }, ready.full.requests + ready.notModified.requests + handled.hits],
      [{ result: 'miss' }, handled.misses],
    ],
  )
  addCounter(
    registry,
    {
      name: 'todos_list_refreshes_total',
      help: 'Times that a list was fetched to be kept in memory, and that it could not be.',
      labelNames: ['list', 'result'],
    },
    () =>
      Object.entries(refreshes).flatMap(([name, { done, failed }]) => [
        [{ list: name, result: 'done' }, done] as const,
        [{ list: name, result: 'failed' }, failed] as const,
      ]),
  )
  addGauge(
    registry,
    {
      name: 'todos_list_stale_seconds',
      help: 'How long ago the list that is served was last known to be current; 0 while changes would be noticed. The oldest of all processes.',
      labelNames: ['list'],
      combine: 'max',
    },
    () => Object.entries(lists.held()).map(([name, held]) => [{ list: name }, staleSec(held)]),
  )
  addGauge(
    registry,
    {
      name: 'todos_list_processes',
      help: 'Server processes by what they hold of a list; the whole list is let go while nobody asks for it.',
      labelNames: ['list', 'state'],
    },
    () =>
      Object.entries(lists.held()).flatMap(([name, { kind }]) =>
        (['fresh', 'stale', 'empty'] as const).map(
          (state) => [{ list: name, state }, kind === state ? 1 : 0] as const,
        ),
      ),
  )
}

const staleSec = (held: Held): number =>
  held.kind === 'stale' ? (performance.now() - held.asOfMs) / 1_000 : 0

/** The same publisher, watched. */
export const addPublishMetrics = (
  registry: Registry,
  publisher: CommandPublisher,
): CommandPublisher => {
  const durations = new Histogram({
    name: 'todos_publish_duration_seconds',
    help: 'From handing a command to the log to its word: acknowledged, refused (certainly not taken) or unknown.',
    labelNames: ['outcome'],
    buckets: durationBuckets,
    registers: [registry],
  })
  for (const outcome of ['acknowledged', 'refused', 'unknown']) durations.zero({ outcome })
  const refused = new Counter({
    name: 'todos_publish_refused_total',
    help: 'Commands that were certainly not taken, and got a 503 (too-large: a 413), by cause.',
    labelNames: ['cause'],
    registers: [registry],
  })
  for (const cause of refusalCauses) refused.inc({ cause }, 0)
  addGauge(
    registry,
    {
      name: 'todos_publish_queue_commands',
      help: 'Commands that wait to be sent to the log, or for its word. The bound is PUBLISH_QUEUE_MAX in each process.',
    },
    () => [[{}, publisher.pending()]],
  )
  return {
    ...publisher,
    async publish(command) {
      const startedMs = performance.now()
      const outcome = await publisher.publish(command)
      durations.observe({ outcome: outcome.kind }, (performance.now() - startedMs) / 1_000)
      if (outcome.kind === 'refused') refused.inc({ cause: outcome.cause })
      return outcome
    },
  }
}

export const addConnectionMetrics = (registry: Registry, engine: Engine): void => {
  addGauge(
    registry,
    {
      name: 'http_server_open_connections',
      help: 'Connections of clients. The bound is HTTP_CONNECTIONS_MAX.',
    },
    () => [[{}, engine.connections().open]],
  )
  addCounter(
    registry,
    {
      name: 'http_server_lost_connections_total',
      help: 'Connections that ended while their answer was pending. With HTTP_ENGINE=uws: those on which a request was pipelined behind it, and clients that left.',
    },
    () => [[{}, engine.connections().lost]],
  )
}

export const addLimitMetrics = (registry: Registry, counts: LimiterCounts): void => {
  const { decisions, stores } = counts
  addCounter(
    registry,
    {
      name: 'todos_limit_decisions_total',
      help: 'Requests to limited routes, by limit, by what counted them (none: nothing did, and they passed) and by outcome.',
      labelNames: ['policy', 'store', 'outcome'],
    },
    () =>
      [...decisions].flatMap(([policy, byStore]) =>
        [...byStore].flatMap(([store, outcomes]) =>
          Object.entries(outcomes).map(
            ([outcome, many]) => [{ policy, store, outcome }, many] as const,
          ),
        ),
      ),
  )
  addCounter(
    registry,
    {
      name: 'todos_limit_store_failures_total',
      help: 'Times that what counts limits failed, or did not answer within LIMIT_TIMEOUT_MS; the next one was asked.',
      labelNames: ['store'],
    },
    () => [...stores].map(([store, { failures }]) => [{ store }, failures]),
  )
  addCounter(
    registry,
    {
      name: 'todos_limit_store_given_up_total',
      help: 'Times that a process stopped to ask what counts limits, until a probe of it succeeds.',
      labelNames: ['store'],
    },
    () => [...stores].map(([store, { opened }]) => [{ store }, opened]),
  )
  addGauge(
    registry,
    {
      name: 'todos_limit_store_away_processes',
      help: 'Processes that do not ask what counts limits, because it does not answer.',
      labelNames: ['store'],
    },
    () => [...stores].map(([store, { isOpen }]) => [{ store }, isOpen() ? 1 : 0]),
  )
}

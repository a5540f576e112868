// What is counted of requests and connections, whatever they are for. Nothing here is called on the hot
// path: what happens there is kept as integers and read by a scrape.

import { Counter, Histogram, type Registry } from '@prometheus-io/client'
import { addCounter, addGauge, durationBuckets } from '../../lib/runtime/metrics.ts'
import type { Engine, Tally } from './engines/engine.ts'
import type { Answered } from './router.ts'

/** What clients may send to no resource of ours; they make up others, which are not told apart. */
const methods = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
])
/** What OpenTelemetry calls all the rest. */
const otherMethod = '_OTHER'

/** Those that handlers answer, and those with ready bytes. */
export const requestCounts = [
  'http_server_requests_total',
  'http_server_ready_requests_total',
] as const
export const requestDurations = 'http_server_request_duration_seconds'

export const requestLabels = [
  'http_request_method',
  'http_route',
  'http_response_status_code',
] as const

/**
 * Counts the requests that handlers answer; addReadyMetrics has the others. A histogram is twenty
 * series: one for each status too, and a server would have four thousand.
 */
export const addRequestMetrics = (registry: Registry): ((answered: Answered) => void) => {
  const counts = new Counter({
    name: requestCounts[0],
    help: 'Requests by route and status; a method that the route does not have is _OTHER. Without those that are answered with ready bytes, see http_server_ready_requests_total.',
    labelNames: requestLabels,
    registers: [registry],
  })
  const durations = new Histogram({
    name: requestDurations,
    help: 'Time from the head of a request to its reply, by route; HEAD is in GET, and all that no route offers is _OTHER. Without those that are answered with ready bytes.',
    labelNames: ['http_request_method', 'http_route'],
    buckets: durationBuckets,
    registers: [registry],
  })
  return ({ method, route, isOffered, status, seconds }) => {
    const isNamed = isOffered || (route === '' && methods.has(method))
    counts.inc({
      http_request_method: isNamed ? method : otherMethod,
      http_route: route,
      http_response_status_code: status,
    })
    durations.observe(
      isOffered && method !== 'OPTIONS'
        ? { http_request_method: method === 'HEAD' ? 'GET' : method, http_route: route }
        : { http_request_method: otherMethod, http_route: '' },
      seconds,
    )
  }
}

/** By route: what engines answered alone. */
export const addReadyMetrics = (
  registry: Registry,
  tallies: Readonly<Record<string, { readonly full: Tally; readonly notModified: Tally }>>,
): void =>
  addCounter(
    registry,
    {
      name: requestCounts[1],
      help: 'Requests answered with ready bytes: lists, and the page with its files. Counted, not timed: reading a clock would cost more than the answer. The benchmark measures its latency.',
      labelNames: requestLabels,
    },
    () =>
      Object.entries(tallies).flatMap(([route, { full, notModified }]) => {
        const labels = { http_request_method: 'GET', http_route: route }
        return [
          [{ ...labels, http_response_status_code: '200' }, full.requests] as const,
          [{ ...labels, http_response_status_code: '304' }, notModified.requests] as const,
        ]
      }),
  )

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

// What is counted of requests and connections, whatever they are for. Nothing here is called on the hot
// path: what happens there is kept as integers and read by a scrape.

import { Histogram, type Registry } from '@prometheus-io/client'
import { addCounter, addGauge, durationBuckets } from '../../lib/runtime/metrics.ts'
import type { Engine } from './engines/engine.ts'
import type { Answered } from './router.ts'

/** A series for each method that there is, not for each that a client makes up. */
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

export const requestLabels = [
  'http_request_method',
  'http_route',
  'http_response_status_code',
] as const

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

// What is counted of the events that this worker appends.

import type { Registry } from '@prometheus-io/client'
import { addCounter, addGauge } from '../../lib/runtime/metrics.ts'
import type { EventFeed } from './feed.ts'

export const addEventMetrics = (
  registry: Registry,
  { counts, waiting }: Pick<EventFeed, 'counts' | 'waiting'>,
): void => {
  addCounter(
    registry,
    {
      name: 'todos_worker_events_appended_total',
      help: 'Events appended to channels.',
    },
    () => [[{}, counts.appended]],
  )
  addCounter(
    registry,
    {
      name: 'todos_worker_event_appends_failed_total',
      help: 'Attempts to append events that failed. They are tried again, and clients hear nothing meanwhile.',
    },
    () => [[{}, counts.failed]],
  )
  addCounter(
    registry,
    {
      name: 'todos_worker_event_resets_total',
      help: 'Times that too many events waited, and all clients were told to read their lists anew.',
    },
    () => [[{}, counts.resets]],
  )
  addGauge(
    registry,
    {
      name: 'todos_worker_events_waiting',
      help: 'Events of applied commands that are not appended yet.',
    },
    () => [[{}, waiting().events]],
  )
  addGauge(
    registry,
    {
      name: 'todos_worker_events_waiting_seconds',
      help: 'For how long the first of the events that wait has waited.',
      combine: 'max',
    },
    () => [[{}, waiting().seconds]],
  )
}

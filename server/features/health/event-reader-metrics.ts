// What is counted of the events that come to this process, for all of its clients.

import type { Registry } from '@prometheus-io/client'
import type { EventReader } from '../../../lib/events/events.ts'
import { addCounter, addGauge } from '../../../lib/runtime/metrics.ts'

export const addEventReaderMetrics = (
  registry: Registry,
  { counts, fault }: Pick<EventReader, 'counts' | 'fault'>,
): void => {
  addGauge(
    registry,
    { name: 'todos_event_channels', help: 'Channels that clients of this process listen to.' },
    () => [[{}, counts.channels]],
  )
  addCounter(
    registry,
    { name: 'todos_events_heard_total', help: 'Events that came, each once for all clients.' },
    () => [[{}, counts.heard]],
  )
  addCounter(
    registry,
    {
      name: 'todos_event_gaps_total',
      help: 'Times that events of a channel could not be had, and its clients were told to read the list anew.',
    },
    () => [[{}, counts.gaps]],
  )
  addGauge(
    registry,
    {
      name: 'todos_event_reader_failing_processes',
      help: 'Server processes to which events do not come: what happens is read when they come again.',
    },
    () => [[{}, fault() === undefined ? 0 : 1]],
  )
}

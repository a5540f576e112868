// What is counted of the public lists. Nothing here is called on the hot path: what happens there is kept
// as integers (ListCounts) and read by a scrape.

import type { Registry } from '@prometheus-io/client'
import { addCounter, addGauge } from '../../../lib/runtime/metrics.ts'
import type { HotLists } from './hot-list.ts'
import type { Held } from './freshness.ts'

export const addListMetrics = (registry: Registry, lists: HotLists): void => {
  const { ready, handled, refreshes } = lists.counts
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
      help: 'Attempts to refresh a list in memory, by result.',
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
      help: 'Server processes by what they hold of a list; the whole list is dropped while nobody requests it.',
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

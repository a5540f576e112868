// Settings: how fresh the public lists are, and how much memory they take.

import { oneOf, wholeNumber, type Setting } from './table.ts'

export const listSettings = {
  CACHE_TTL_SEC: wholeNumber({
    default: 300,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning: 'Lifetime of a list in Redis and in memory, whatever else happens.',
  }),
  LIST_CACHE: oneOf({
    default: 'redis',
    choices: ['redis', 'postgres'],
    meaning:
      'What keeps the lists fresh: Redis, or Postgres LISTEN/NOTIFY with no cache in between.',
  }),
  LIST_REFRESH_INTERVAL_MS: wholeNumber({
    default: 20,
    min: 0,
    max: 60_000,
    unit: 'ms',
    meaning: 'Least time between two refreshes of a list in one process, however fast writes come.',
  }),
  LIST_REFRESH_TIMEOUT_MS: wholeNumber({
    default: 2_000,
    min: 10,
    max: 60_000,
    unit: 'ms',
    meaning:
      'stale-while-revalidate: a refresh that takes longer counts as failed, and the list as stale-if-error.',
  }),
  LIST_STALE_IF_ERROR_SEC: wholeNumber({
    default: 300,
    min: 0,
    max: 86_400,
    unit: 's',
    meaning:
      'stale-if-error: how long a list that cannot be refreshed is still served; after that 503.',
  }),
  LIST_WHOLE_TODOS_MAX: wholeNumber({
    default: 20_000,
    min: 0,
    max: 10_000_000,
    unit: 'todos',
    meaning:
      'The whole list, `GET /todos` without a limit, is kept in memory as long as it has no more todos. A longer one is streamed from Postgres as the client reads it, and is not of one version.',
  }),
  LIST_MEMORY_MAX_MB: wholeNumber({
    default: 64,
    min: 1,
    max: 65_536,
    unit: 'MB',
    meaning:
      'Memory for lists in each process: half for the lists and the replies made of them, of which the least recently used go first; a third for what slow clients have not read, of whom those who have waited longest are cut; the rest for copies. Lists that alone take more still have an eighth for replies.',
  }),
} as const satisfies Record<string, Setting<string | number>>

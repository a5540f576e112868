// Each rate limit in words: how it counts, whom, and the setting that it is set by.

import type { LimitName } from '../../server/http/contract/endpoint.ts'
import { settingLink } from './references.ts'

export type LimitText = {
  readonly counts: 'by user' | 'by client address' | 'by client address, in each process'
  readonly how: 'token bucket' | 'sliding window'
  readonly requests: Parameters<typeof settingLink>[0]
  readonly seconds: Parameters<typeof settingLink>[0]
}

export const limitTexts: Readonly<Record<LimitName, LimitText>> = {
  user: {
    counts: 'by user',
    how: 'sliding window',
    requests: 'LIMIT_USER_REQUESTS',
    seconds: 'LIMIT_USER_WINDOW_SEC',
  },
  write: {
    counts: 'by user',
    how: 'token bucket',
    requests: 'LIMIT_WRITE_BURST',
    seconds: 'LIMIT_WRITE_REFILL_SEC',
  },
  address: {
    counts: 'by client address',
    how: 'token bucket',
    requests: 'LIMIT_ADDRESS_BURST',
    seconds: 'LIMIT_ADDRESS_REFILL_SEC',
  },
  read: {
    counts: 'by client address',
    how: 'token bucket',
    requests: 'LIMIT_READ_BURST',
    seconds: 'LIMIT_READ_REFILL_SEC',
  },
  list: {
    counts: 'by client address, in each process',
    how: 'token bucket',
    requests: 'LIMIT_LIST_BURST',
    seconds: 'LIMIT_LIST_REFILL_SEC',
  },
  probe: {
    counts: 'by client address, in each process',
    how: 'token bucket',
    requests: 'LIMIT_LIST_BURST',
    seconds: 'LIMIT_LIST_REFILL_SEC',
  },
}

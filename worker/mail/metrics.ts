// What is counted of mail.

import type { Registry } from '@prometheus-io/client'
import { addCounter } from '../../lib/runtime/metrics.ts'
import type { MailCounts } from './send-mails.ts'

export const addMailMetrics = (registry: Registry, counts: MailCounts): void =>
  addCounter(
    registry,
    {
      name: 'todos_worker_mails_total',
      help: 'Mail from the outbox, by result: sent; nobody (no account, or it needs none); failed (tried again); refused (by the mail server, for good); dropped (not sent within an hour).',
      labelNames: ['result'],
    },
    () => Object.entries(counts).map(([result, count]) => [{ result }, count]),
  )

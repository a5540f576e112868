// What is counted of accounts.

import type { Registry } from '@prometheus-io/client'
import { addCounter } from '../../../lib/runtime/metrics.ts'

/** So far, in this process. */
export type AccountCounts = {
  registrations: number
  deletions: number
  verifications: number
  passwordResets: number
}

export const createAccountCounts = (): AccountCounts => ({
  registrations: 0,
  deletions: 0,
  verifications: 0,
  passwordResets: 0,
})

export const addAccountMetrics = (registry: Registry, counts: AccountCounts): void => {
  addCounter(
    registry,
    { name: 'todos_registrations_total', help: 'Accounts that were registered.' },
    () => [[{}, counts.registrations]],
  )
  addCounter(
    registry,
    { name: 'todos_account_deletions_total', help: 'Accounts that their owners deleted.' },
    () => [[{}, counts.deletions]],
  )
  addCounter(
    registry,
    { name: 'todos_email_verifications_total', help: 'Addresses that were confirmed by mail.' },
    () => [[{}, counts.verifications]],
  )
  addCounter(
    registry,
    { name: 'todos_password_resets_total', help: 'Passwords that were reset by mail.' },
    () => [[{}, counts.passwordResets]],
  )
}

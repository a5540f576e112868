// The audit log: the seam. An entry is written in the transaction of what it is about, so that neither
// is there without the other; whoever changes something takes `AppendAudit` as a parameter.

import type { AuditEntry, AuditSubject } from '../domain/audit.ts'

export type AuditRange = {
  /** Entries about it alone; all entries without it. */
  readonly subject?: AuditSubject | undefined
  /** Those older than the entry of this id, which is a number; the newest without it. */
  readonly before?: string | undefined
  readonly count: number
}

export type AuditPage = {
  /** The newest first. */
  readonly entries: readonly AuditEntry[]
  readonly hasMore: boolean
}

export type AuditLog = {
  read(range: AuditRange): Promise<AuditPage>
  /** Deletes what is older, and says how many entries that were. Nothing else deletes or changes one. */
  prune(olderThanDays: number): Promise<number>
}

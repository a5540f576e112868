// Personal todos that are shared: the seam. Whether somebody may do what he asks for is decided in the
// transaction that does it. What a share is worth to a write is decided where the write is applied.

import type { AuditAction } from '../domain/audit.ts'
import type { Actor, Outcome as OutcomeFor } from '../domain/outcome.ts'
import type { Page, Range } from '../domain/page.ts'
import type { Grantee, PersonalStanding, Share, SharedTodo, ShareRole } from '../domain/share.ts'

export type ShareRefusal =
  /** Who asks may not know whether the todo is there. */
  | 'unknown-todo'
  /** The todo is shared with who asks, who may not do this. */
  | 'not-allowed'
  /** Who asks has no account. */
  | 'no-account'
  /** Nobody has the account that was named. */
  | 'no-such-account'
  /** Or who asks is not in it. */
  | 'unknown-team'
  | 'own-todo'
  | 'no-such-share'
  | 'too-many-shares'

export type Outcome<T> = OutcomeFor<T, ShareRefusal>

export type Shares = {
  /** One for each whom it is shared with: again, with another role, it changes that role. */
  share(by: Actor, todoId: string, grantee: Grantee, role: ShareRole): Promise<Outcome<Share>>
  /** Once it is done, the share has no effect: not even on what was acknowledged before. */
  unshare(by: Actor, todoId: string, shareId: string): Promise<Outcome<undefined>>
  /** By whom the todo is shared with. What is shared with a team stays. */
  leave(by: Actor, todoId: string): Promise<Outcome<undefined>>
  list(userId: string, todoId: string, range: Range): Promise<Outcome<Page<Share>>>
  /** Each todo once, by its newest share. */
  listSharedWith(userId: string, range: Range): Promise<Page<SharedTodo>>
  /** Undefined for who may not know that it is there. */
  standingOf(userId: string, todoId: string): Promise<PersonalStanding | undefined>
}

/** Notified of each change, once it is committed. */
export type OnShareChanged = (action: AuditAction) => void

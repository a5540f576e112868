// What system admins do with the accounts of others, and how one's own is deleted: the seam. Each change is written into the audit log
// in its own transaction. Nothing here gives anybody's password hash away.

import type { Position, Range } from '../domain/page.ts'
import type { Role } from '../domain/role.ts'
import type { SessionClient } from '../domain/session-client.ts'
import type { User } from './accounts.ts'

export type ManagedAccount = User & {
  readonly role: Role
  readonly email_verified_at: Date | null
  readonly disabled_at: Date | null
}

export type AccountSession = SessionClient & {
  /** It gives nobody access: see refresh-token.ts. */
  readonly id: string
  /** Null: before this was written down. */
  readonly begun_at: Date | null
  /** When it began, or was last refreshed. */
  readonly refreshed_at: Date
  readonly expires_at: Date
}

/** Who changes something and in which request, for the audit log. */
export type By = { readonly actorId: string; readonly requestId: string }

export type Change = {
  /** As it is now, or was last. */
  readonly account: ManagedAccount
  /** False: it was so before. */
  readonly isChanged: boolean
  /** Sessions that it ended. Every server process is notified. */
  readonly ended: readonly string[]
}

/** Of one account: who has more sees the newest, and can end all. */
export const sessionsShownMax = 100

/** Undefined, of an account or a session: there is none. */
export type Administration = {
  /** The newest first. */
  list(range: Range): Promise<{
    readonly accounts: readonly ManagedAccount[]
    readonly next: Position | undefined
  }>
  find(id: string): Promise<ManagedAccount | undefined>
  /** `email`: normalised. */
  findByEmail(email: string): Promise<ManagedAccount | undefined>
  /** The eldest first. */
  systemAdmins(count: number): Promise<ManagedAccount[]>
  setRole(id: string, role: Role, by: By): Promise<Change | undefined>
  disable(id: string, by: By): Promise<Change | undefined>
  enable(id: string, by: By): Promise<Change | undefined>
  remove(id: string, by: By): Promise<Change | undefined>
  /** Unchanged when it has another password by now than the one of `passwordHash`, which was checked. */
  removeOwn(id: string, passwordHash: string, by: By): Promise<Change | undefined>
  /** Those that go on, the newest first. */
  sessions(userId: string): Promise<readonly AccountSession[]>
  endSessions(userId: string, by: By): Promise<Change | undefined>
  /** False: there is none that goes on, or it is not of `ownerId`, where one is given. */
  endSession(sessionId: string, by: By, ownerId?: string): Promise<boolean>
}

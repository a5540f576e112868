// Users and their sessions: the seam. A session is one login: a family of refresh tokens, numbered by
// generation, of which only the newest may be used.

import type { Role } from '../domain/role.ts'
import type { SessionClient } from '../domain/session-client.ts'

export type User = {
  readonly id: string
  /** Normalised: see credentials.ts. */
  readonly email: string
  readonly created_at: Date
}

export type Account = {
  readonly user: User
  readonly passwordHash: string
  /** Its owner has answered mail to its address. */
  readonly isVerified: boolean
}

export type Rotation =
  /** `generation` is now the newest: made by this call, or by one within the grace before it. */
  | { readonly kind: 'rotated'; readonly userId: string; readonly generation: number }
  /** A token that was used before came again: whoever holds the session, it has been revoked. */
  | { readonly kind: 'reused'; readonly userId: string }
  /** Expired, revoked, or its user is gone. */
  | { readonly kind: 'ended' }

export type RevocationEvents = {
  readonly onRevoked: (sessionId: string) => void
  /** Notifies from here on; what was revoked before must be queried. */
  readonly onListening: () => void
}

export type Accounts = {
  addUser(user: {
    readonly id: string
    readonly email: string
    readonly passwordHash: string
  }): Promise<User | 'email-in-use'>
  /** Undefined also for one that is disabled. */
  findByEmail(email: string): Promise<Account | undefined>
  findUser(id: string): Promise<User | undefined>
  /** As findByEmail. */
  findAccount(id: string): Promise<Account | undefined>
  /** Undefined for who has no account, or one that is disabled. */
  roleOf(userId: string): Promise<Role | undefined>
  /** Unless the password has been changed meanwhile. */
  replaceHash(userId: string, from: string, to: string): Promise<void>
  /**
   * Begins with the first generation. False, and none is opened, when the account has another password
   * by now, or is disabled or gone.
   */
  openSession(session: {
    readonly id: string
    readonly userId: string
    /** Of the password that was checked. */
    readonly passwordHash: string
    readonly ttlSec: number
    readonly client: SessionClient
  }): Promise<boolean>
  rotate(sessionId: string, generation: number, graceSec: number): Promise<Rotation>
  /** Whose session it is; undefined when it has ended. */
  ownerOf(sessionId: string): Promise<string | undefined>
  /** Every listener is notified, unless it was revoked already. */
  revoke(sessionId: string): Promise<void>
  revokedWithin(sec: number): Promise<string[]>
  /** Once at most. */
  watchRevoked(events: RevocationEvents): void
  close(): Promise<void>
}

export const firstGeneration = 1

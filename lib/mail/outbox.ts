// Mail that is to be sent: the seam. A request writes a row and waits for no mail server; a worker sends it.
// At least once: a worker that ends between sending and noting it sends again. Not for ever: what could not
// be sent within an hour is dropped, for its reader has asked again or given up.

import type { MailKind } from '../domain/mail.ts'

export type QueuedMail = {
  readonly id: string
  readonly kind: MailKind
  /** An address; of an invitation its id, for its address is found when it is sent. */
  readonly subject: string
  /** From 1. */
  readonly attempt: number
  /** Past its time: it is dropped. */
  readonly isLate: boolean
}

export type MailOutbox = {
  /**
   * Asked for again before anybody has claimed it, it is one mail. `full`: so many wait that nothing more
   * is taken, whatever it is about.
   */
  add(kind: MailKind, subject: string): Promise<'queued' | 'full'>
  /** The next that is due. Nobody else is given it for `retrySecFirst` at the least. */
  claim(): Promise<QueuedMail | undefined>
  /** Sent, or never to be. */
  remove(id: string): Promise<void>
}

/** Longer than MAIL_TIMEOUT_MS may be. Each attempt doubles the pause. */
export const retrySecFirst = 30
export const retrySecMax = 600
export const keptSec = 3_600
/** Some 2 MB. A mail server that takes 10 a second needs 17 minutes for them. */
export const queuedMax = 10_000

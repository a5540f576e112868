// Sends what is in the outbox, one after the other, by any number of workers. The mail is composed here,
// with a new token for each attempt: no row holds one.

import type { Mail } from '../../lib/domain/mail.ts'
import type { MailOutbox, QueuedMail } from '../../lib/mail/outbox.ts'
import { MailRefused, type Mailer } from '../../lib/mail/mailer.ts'
import { createBoundedLog, type Log } from '../../lib/runtime/log.ts'
import { createRounds, type Rounds } from '../rounds.ts'

/** Undefined: nothing is to be sent. */
export type Compose = (
  queued: QueuedMail,
) => Promise<{ readonly to: string; readonly mail: Mail } | undefined>

/** `nobody`: the address has no account, or needs no such mail. */
export const mailResults = ['sent', 'nobody', 'failed', 'refused', 'dropped'] as const
export type MailCounts = Record<(typeof mailResults)[number], number>

export const createMailCounts = (): MailCounts => ({
  sent: 0,
  nobody: 0,
  failed: 0,
  refused: 0,
  dropped: 0,
})

/** An empty outbox is looked at this often: one statement. */
const pollIntervalMs = 1_000

export const createMailSending = (parts: {
  readonly outbox: Pick<MailOutbox, 'claim' | 'remove'>
  readonly mailer: Mailer
  readonly compose: Compose
  readonly counts: MailCounts
  readonly log: Log
}): Rounds => {
  const { outbox, mailer, compose, counts, log } = parts
  const warn = createBoundedLog((fields, message) => log.warn(fields, message))

  const sendOne = async (queued: QueuedMail): Promise<keyof MailCounts> => {
    if (queued.isLate) return 'dropped'
    const composed = await compose(queued)
    if (!composed) return 'nobody'
    const { to, mail } = composed
    await mailer.send(to, mail).catch((error: unknown) => {
      // A mail server repeats the address.
      if (error instanceof Error) error.message = error.message.replaceAll(to, '…')
      throw error
    })
    return 'sent'
  }

  const attempt = async (queued: QueuedMail): Promise<void> => {
    // No address: whoever reads the log need not know who has an account.
    const fields = { kind: queued.kind, attempt: queued.attempt }
    try {
      const result = await sendOne(queued)
      if (result === 'dropped') warn(fields, 'mail dropped: it could not be sent in time')
      await outbox.remove(queued.id)
      counts[result]++
    } catch (error) {
      const reason = (error as Error).message
      if (!(error instanceof MailRefused)) {
        counts.failed++
        warn({ ...fields, reason }, 'mail not sent: trying again later')
        return
      }
      warn({ ...fields, reason }, 'mail refused by the mail server')
      await outbox.remove(queued.id)
      counts.refused++
    }
  }

  return createRounds(pollIntervalMs, async (isStopping) => {
    try {
      while (!isStopping()) {
        const queued = await outbox.claim()
        if (!queued) return
        await attempt(queued)
      }
    } catch (error) {
      warn({ reason: (error as Error).message }, "the outbox of mail can't be read")
    }
  })
}

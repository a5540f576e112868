// One request for all who ask which log it is: each delivery asks, and several are worked on at once.
// An answer counts only for those who asked before its request was sent.

import type { FoundLog } from '../domain/log-identity.ts'
import type { LogProbe } from './command-log.ts'

export const shareProbe = (
  probe: Pick<LogProbe, 'find'>,
): (() => Promise<FoundLog | undefined>) => {
  /** In flight: too early for those who ask now. */
  let sent: Promise<unknown> = Promise.resolve()
  /** To be sent when that is answered, for all who ask until then. */
  let next: Promise<FoundLog | undefined> | undefined

  return () => {
    next ??= sent
      .catch(() => {})
      .then(() => {
        next = undefined
        const asked = probe.find()
        sent = asked
        return asked
      })
    return next
  }
}

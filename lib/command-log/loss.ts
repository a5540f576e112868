// Decides when commands are lost: only when a live log has said so for a while, without a break. A broker
// that was killed and comes back reports an old end for a moment ("should go on at offset 5771 but the
// log has 411"), and a worker that believed it at once ended itself for nothing.

import type { Bounds } from '../domain/log-identity.ts'
import type { DeliveryResult } from './command-log.ts'

/**
 * How long a log must go on saying that records are missing. A new leader reports an old end until its
 * followers have fetched, and waits up to 30 s (`replica.lag.time.max.ms`) for one that is dead.
 */
export const lossConfirmMsDefault = 35_000

/** Answers that are further apart count as this much: a process that slept has asked nobody meanwhile. */
export const answerGapMsMax = 2_000

/** What a sink says of a delivery that does not continue what it has applied. */
export type Complaint = Extract<DeliveryResult, { kind: 'gap' | 'truncated' }>

export type Verdict =
  /** The records are there: deliver them. */
  | 'go-on'
  /** Deliver nothing, lose nothing, ask the log again. */
  | 'ask-again'
  /** An operator must decide. */
  | 'lost'

type Suspicion = {
  readonly complaint: Complaint
  /** For how long the log has said so, without a break. */
  confirmedMs: number
  lastAnswerMs: number | undefined
}

export const createLossWatch = (
  confirmMs: number,
  nowMs: () => number = () => performance.now(),
) => {
  const suspicions = new Map<number, Suspicion>()

  const confirm = (suspicion: Suspicion): Verdict => {
    const now = nowMs()
    const { lastAnswerMs } = suspicion
    if (lastAnswerMs !== undefined) {
      suspicion.confirmedMs += Math.min(now - lastAnswerMs, answerGapMsMax)
    }
    suspicion.lastAnswerMs = now
    return suspicion.confirmedMs >= confirmMs ? 'lost' : 'ask-again'
  }
  const doubt = (suspicion: Suspicion) => {
    suspicion.confirmedMs = 0
    suspicion.lastAnswerMs = undefined
  }

  return {
    /** A delivery did not fit: the log has spoken, too. */
    complain(partition: number, complaint: Complaint): Verdict {
      let suspicion = suspicions.get(partition)
      const isSame =
        suspicion?.complaint.kind === complaint.kind &&
        suspicion.complaint.expectedOffset === complaint.expectedOffset
      if (!suspicion || !isSame) {
        suspicion = { complaint, confirmedMs: 0, lastAnswerMs: undefined }
        suspicions.set(partition, suspicion)
      }
      return confirm(suspicion)
    },
    /** The log was asked for a partition's bounds; undefined when nobody answered for it. */
    answer(partition: number, bounds: Bounds | undefined): Verdict {
      const suspicion = suspicions.get(partition)
      if (!suspicion) return 'go-on'
      if (!bounds) {
        doubt(suspicion)
        return 'ask-again'
      }
      const { kind, expectedOffset } = suspicion.complaint
      if (expectedOffset < bounds.first || expectedOffset > bounds.end) return confirm(suspicion)
      // A gap goes on being one while the records do not come: what is listed may still be a hole.
      if (kind === 'truncated') suspicions.delete(partition)
      return 'go-on'
    },
    /** Nobody answered: what was said before it proves nothing any more. */
    unanswered() {
      for (const suspicion of suspicions.values()) doubt(suspicion)
    },
    /** A delivery fitted. */
    clear(partition: number) {
      suspicions.delete(partition)
    },
  }
}

export type LossWatch = ReturnType<typeof createLossWatch>

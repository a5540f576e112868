// Whether a replica may be read from, by what it and the primary say of themselves at one time. Pure.
// That it is a replica of this primary is what makes versions of its rows mean what they mean there.

/** What the primary says. Positions are bytes of WAL; times are milliseconds of its clock. */
export type PrimarySample = {
  readonly cluster: string
  readonly database: string
  /** A failover begins another: what a server on the one before has, may have been lost. */
  readonly timeline: number
  readonly position: number
  readonly atMs: number
}

export type ReplicaSample = {
  readonly cluster: string
  readonly database: string
  readonly isInRecovery: boolean
  readonly isReceiving: boolean
  /** Null: its user may not know. */
  readonly timeline: number | null
  readonly position: number | null
  /** When what it has replayed last was committed. */
  readonly committedAtMs: number | null
}

export type ReplicaState =
  | { readonly kind: 'used'; readonly lagMs: number }
  | {
      readonly kind: 'left out'
      readonly reason: string
      /** Where it is known. */
      readonly lagMs?: number
    }

export const judgeReplica = (
  primary: PrimarySample,
  /** Of the round before. */
  earlier: PrimarySample | undefined,
  replica: ReplicaSample,
  lagMsMax: number,
): ReplicaState => {
  const leftOut = (reason: string): ReplicaState => ({ kind: 'left out', reason })
  if (replica.cluster !== primary.cluster) {
    return leftOut(
      `it is of another cluster: its system identifier is ${replica.cluster}, the primary's is ${primary.cluster}`,
    )
  }
  if (replica.database !== primary.database) {
    return leftOut(`it leads to the database ${replica.database}, not ${primary.database}`)
  }
  if (!replica.isInRecovery) return leftOut('it is no replica: it was promoted, and takes writes')
  if (!replica.isReceiving) return leftOut('it receives nothing from a primary')
  if (replica.timeline === null) {
    return leftOut('its user may not see what it follows: GRANT pg_monitor to that user')
  }
  if (replica.timeline !== primary.timeline) {
    return leftOut(`it follows timeline ${replica.timeline}, the primary is on ${primary.timeline}`)
  }
  const lagMs = lagOf(primary, earlier, replica)
  if (lagMs <= lagMsMax) return { kind: 'used', lagMs }
  const reason = 'it is behind by more than DATABASE_REPLICA_LAG_MAX_MS'
  return lagMs === Infinity ? leftOut(reason) : { kind: 'left out', reason, lagMs }
}

/**
 * At most so far behind. Each of these is a bound: it has all that there is; it has what there was at
 * the earlier sample; it has what was committed until then. After an idle night only the second is near.
 */
const lagOf = (
  primary: PrimarySample,
  earlier: PrimarySample | undefined,
  { position, committedAtMs }: ReplicaSample,
): number => {
  const replayed = position ?? -1
  if (replayed >= primary.position) return 0
  const since = [
    earlier && replayed >= earlier.position ? earlier.atMs : -Infinity,
    committedAtMs ?? -Infinity,
  ]
  return Math.max(0, primary.atMs - Math.max(...since))
}

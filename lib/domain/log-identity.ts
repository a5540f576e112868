// Which log it is. An offset means something in one log only, so the positions that the database
// stores are compared with the log's identity before anything is applied, skipped or published.

/** A log as it was found, asked just now. */
export type FoundLog = {
  /** `kafka:<cluster id>:<topic id>` or `postgres:<uuid made with the log>`. Never used twice. */
  readonly identity: string
  /** What the log has. Commands may be spread over fewer of them. */
  readonly partitions: number
}

/** The first offset that a partition still has, and the one that it gives to its next record. */
export type Bounds = { readonly first: number; readonly end: number }

/** The log that the database's positions belong to. */
export type RegisteredLog = {
  readonly identity: string
  /** What commands are spread over. */
  readonly partitions: number
  /** Nothing may be published: the number of partitions is being changed. */
  readonly isClosed: boolean
}

/**
 * For how long a server believes what it read last of both. `npm run command-log -- partitions` waits
 * for longer, so that a server which can't read the number has stopped before it changes.
 */
export const believedForMs = 10_000

/** Where the database keeps which log it knows. */
export interface LogRegistry {
  registeredLog(log: string): Promise<RegisteredLog | undefined>
  /** Registers it unless one of that name is registered; returns the one that is. */
  registerLog(log: string, found: FoundLog): Promise<RegisteredLog>
  /** The next offset to apply in every partition of which something was applied. */
  nextOffsets(log: string): Promise<Map<number, number>>
}

/** Why the positions do not belong to what was found; undefined when they do. Pure. */
export const mismatch = (
  log: string,
  registered: Pick<RegisteredLog, 'identity' | 'partitions'>,
  found: FoundLog | undefined,
): string | undefined => {
  if (found === undefined) return anotherLog(log, registered.identity, 'no such log')
  if (found.identity !== registered.identity) {
    return anotherLog(log, registered.identity, found.identity)
  }
  if (found.partitions < registered.partitions) {
    const partitions = `${found.partitions} of its ${registered.partitions} partitions`
    return anotherLog(log, registered.identity, `${found.identity} with ${partitions}`)
  }
  return undefined
}

/** For the operator: what was stored, what was found, what to do. */
export const anotherLog = (log: string, stored: string, found: string): string =>
  `the positions in the database belong to another log of the name ${log}: stored ${stored}, found ${found}. ` +
  'Nothing is applied, skipped or published. Bring the stored one back (COMMAND_LOG, KAFKA_BROKERS, DATABASE_URL), or ' +
  'see what would be lost: npm run command-log -- show; then decide: npm run command-log -- adopt --from beginning|end'

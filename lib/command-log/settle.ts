// Makes sure, before anything is published or applied, that the log is the one that the database's
// positions belong to. A log is made, and registered, only for a database that knows none of its name.

import { setTimeout as delay } from 'node:timers/promises'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { Config } from '../runtime/config/config.ts'
import { anotherLog, mismatch, type FoundLog } from '../domain/log-identity.ts'
import type { LogRegistry, RegisteredLog } from '../domain/log-identity.ts'
import type { Log } from '../runtime/log.ts'
import { saysTopicId } from '../drivers/kafka/identity.ts'
import { ensureCommandLog, findMissingReplicas, openProbe, readEnds } from './open.ts'

export type SettledLog =
  | {
      readonly kind: 'known'
      readonly registered: RegisteredLog
      /** What an operator should know, a line each. */
      readonly notes: readonly string[]
    }
  /** One line for the operator. `isFinal`: asking again can't help, an identity never comes back. */
  | { readonly kind: 'another'; readonly reason: string; readonly isFinal: boolean }

/** A broker that has just started may not know its topics, or the end of one, for a moment. */
const askAgainForMs = 5_000
const askAgainEveryMs = 500

/** Rejects when the log or the database does not answer. */
export const settleLog = async (
  config: Config,
  databases: Databases,
  registry: LogRegistry,
  log: Log,
): Promise<SettledLog> => {
  const probe = openProbe(config, databases, log, 'one-off')
  try {
    const untilMs = performance.now() + askAgainForMs
    for (;;) {
      const settled = await settleOnce(config, databases, registry, probe.find, log)
      if (settled.kind === 'known' || settled.isFinal || performance.now() > untilMs) return settled
      await delay(askAgainEveryMs)
    }
  } finally {
    await probe.close()
  }
}

const settleOnce = async (
  config: Config,
  databases: Databases,
  registry: LogRegistry,
  find: () => Promise<FoundLog | undefined>,
  log: Log,
): Promise<SettledLog> => {
  const name = config.KAFKA_TODO_TOPIC
  const notes: string[] = []
  let registered = await registry.registeredLog(name)
  let found = await find()
  if (registered === undefined) {
    const positions = await registry.nextOffsets(name)
    if (positions.size > 0) {
      // Stored before identities were: the log that is there counts as theirs if it can be.
      const ends = found && (await readEnds(config, databases, log))
      const fits = [...positions].every(([partition, next]) => next <= (ends?.get(partition) ?? -1))
      if (!fits) {
        const ends = found ? 'one that ends before them' : 'no such log'
        const reason = anotherLog(name, 'positions without identity', ends)
        return { kind: 'another', reason, isFinal: false }
      }
      notes.push(`the stored positions of ${name} are assumed to be those of ${found?.identity}`)
    } else if (found === undefined) {
      await ensureCommandLog(config, databases, log)
      found = await find()
    }
    if (found === undefined)
      throw new Error(`the command log ${name} was made and is not there yet`)
    registered = await registry.registerLog(name, found)
  }
  const reason = mismatch(name, registered, found)
  const isFinal = found !== undefined && found.identity !== registered.identity
  if (reason !== undefined) return { kind: 'another', reason, isFinal }
  if (found && found.partitions > registered.partitions) {
    notes.push(
      `${name} has ${found.partitions} partitions and commands are spread over ${registered.partitions} of them: ` +
        `to use all, npm run command-log -- partitions ${found.partitions}`,
    )
  }
  if (found && !saysTopicId(found)) {
    notes.push(
      `this Kafka gives no topic ids (2.8 and later do): that ${name} was deleted and made again is not noticed`,
    )
  }
  const missing = await findMissingReplicas(config, log)
  if (missing) notes.push(`${missing.found}: ${missing.advice}`)
  return { kind: 'known', registered, notes }
}

/** Other logs with commands that nobody applies while the settings name this one, a line each. */
export const commandsElsewhere = async (
  config: Config,
  databases: Databases,
  registry: Pick<LogRegistry, 'nextOffsets'> & { names(): Promise<string[]> },
  log: Log,
): Promise<string[]> => {
  const lines: string[] = []
  for (const name of await registry.names()) {
    if (name === config.KAFKA_TODO_TOPIC) continue
    const positions = await registry.nextOffsets(name)
    const ends = await readEnds({ ...config, KAFKA_TODO_TOPIC: name }, databases, log)
    let lag = 0
    for (const [partition, end] of ends) lag += Math.max(end - (positions.get(partition) ?? 0), 0)
    if (lag === 0) continue
    lines.push(
      `${lag} commands of the log ${name} are not applied, and the log is ${config.KAFKA_TODO_TOPIC} now: ` +
        `run a worker with KAFKA_TODO_TOPIC=${name} until npm run lag says 0`,
    )
  }
  return lines
}

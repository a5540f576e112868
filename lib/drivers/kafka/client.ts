// Every client of Kafka that we make, through kafkajs 2.2.4, with its defaults overruled here.

import { randomInt } from 'node:crypto'
import type { Admin, ISocketFactory } from 'kafkajs'
import type { Log } from '../../runtime/log.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import { loadKafkajs } from './kafkajs.ts'
import { LogRefusesUs } from './security.ts'
import { explainFailure, plainText, type KafkaSecurity } from './security.ts'
import { createOwnSockets } from './sockets.ts'

export type KafkaSettings = {
  readonly brokers: string
  readonly topic: string
  /** Plain text, to anybody, where it is left out. */
  readonly security?: KafkaSecurity
}
const connectTimeoutMs = 1_000
/** A silent connection is destroyed after this, so that another one is there within 5 s. */
export const silentMsMax = 3_000
/** The longest pause between two of kafkajs's attempts. */
export const retryEveryMs = 500

export const createClient = (
  settings: KafkaSettings,
  log: Log,
  requestTimeoutMs: number,
  options: {
    retries?: number
    socketFactory?: ISocketFactory
    onLogLine?: (line: string) => void
  } = {},
) => {
  const { Kafka, logLevel } = loadKafkajs()
  return new Kafka({
    socketFactory: options.socketFactory ?? createOwnSockets({ silentMsMax }).factory,
    ...(settings.security?.tls && { ssl: settings.security.tls }),
    ...(settings.security?.sasl && { sasl: settings.security.sasl }),
    clientId: 'todos',
    brokers: fromTheNext(settings),
    connectionTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry: {
      initialRetryTime: 50,
      maxRetryTime: retryEveryMs,
      retries: options.retries ?? Number.MAX_SAFE_INTEGER,
    },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ level, log: entry }) => {
        const { message, ...details } = entry
        options.onLogLine?.(message)
        if (level === logLevel.ERROR) log.debug({ kafkajs: details }, message)
      },
  })
}

/**
 * kafkajs begins with the first of the list, always, and goes on to the second only when that one refuses.
 * One that is frozen takes connections and says nothing. So each owner of settings begins with the next
 * one each time, and not all with the same.
 */
const fromTheNext = (settings: KafkaSettings): string[] => {
  const brokers = settings.brokers.split(',').map(forKafkajs)
  const count = begun.get(settings) ?? randomInt(brokers.length)
  begun.set(settings, count + 1)
  const first = count % brokers.length
  return [...brokers.slice(first), ...brokers.slice(0, first)]
}
/** Clients so far, by the object that they were made from. */
const begun = new WeakMap<KafkaSettings, number>()

/** kafkajs cuts a broker at its colons: those of an IPv6 address are told by sockets.ts. */
const forKafkajs = (broker: string): string =>
  broker.replace(/^\[(.*)\]/, (_, address: string) => `[${address.replaceAll(':', '_')}]`)

/**
 * What `work` returns, done over connections of its own. Rejects within `timeoutMs`, at once when no
 * retry can help, and says which setting is wrong where one is.
 */
export const withAdmin = async <T>(
  settings: KafkaSettings,
  log: Log,
  timeoutMs: number,
  work: (admin: Admin) => Promise<T>,
): Promise<T> => {
  const { security = plainText } = settings
  let refuse: (error: Error) => void = () => {}
  const refused = new Promise<never>((_, reject) => (refuse = reject))
  refused.catch(() => {}) // whoever waits for it sees it
  const sockets = createOwnSockets({
    silentMsMax,
    onFault(fault) {
      const failure = explainFailure(fault, security)
      if (failure instanceof LogRefusesUs) refuse(failure)
    },
  })
  const admin = createClient(settings, log, timeoutMs, {
    // Without an end, one that was given up would try for ever.
    retries: Math.ceil(timeoutMs / retryEveryMs),
    socketFactory: sockets.factory,
  }).admin()
  try {
    const result = await withTimeout(timeoutMs, async () => {
      await Promise.race([admin.connect(), refused])
      return await Promise.race([work(admin), refused])
    })
    void admin.disconnect().catch(() => {})
    return result
  } catch (error) {
    admin.disconnect().catch(() => {})
    sockets.discard()
    throw explainFailure(error as Error, security, sockets.lastFault())
  }
}

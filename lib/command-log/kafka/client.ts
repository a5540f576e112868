// Every client of Kafka that we make, through kafkajs 2.2.4, with its defaults overruled here.

import { Kafka, logLevel, type ISocketFactory } from 'kafkajs'
import type { Log } from '../../log.ts'
import { createOwnSockets } from './sockets.ts'

export type KafkaSettings = {
  readonly brokers: string
  readonly topic: string
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
  options: { retries?: number; socketFactory?: ISocketFactory; onLogLine?: () => void } = {},
) =>
  new Kafka({
    socketFactory: options.socketFactory ?? createOwnSockets({ silentMsMax }).factory,
    clientId: 'todos',
    brokers: settings.brokers.split(','),
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
        options.onLogLine?.()
        const { message, ...details } = entry
        if (level === logLevel.ERROR) log.debug({ kafkajs: details }, message)
      },
  })

// TLS and SASL of every connection to Kafka, and what is wrong with them when a broker does not let
// us in: one line that names the setting. kafkajs and OpenSSL say what happened, not what to do.

import { readFileSync } from 'node:fs'
import type { SASLOptions } from 'kafkajs'
import type { Config } from '../../runtime/config/config.ts'
import { oneLine, tlsFaultOf, type TlsFault } from '../../runtime/tls-fault.ts'
import { ClosedUnanswered } from './sockets.ts'

/** The log is there and does not let us in: nothing helps until a setting is changed, here or there. */
export class LogRefusesUs extends Error {
  override readonly name = 'LogRefusesUs'
}
/** So that a wrong password does not keep a broker busy, or lock a user out. */
export const refusedPauseMs = 5_000

export type KafkaSecurity = {
  /** Undefined: plain text. */
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer } | undefined
  readonly sasl: SASLOptions | undefined
}

export const plainText: KafkaSecurity = { tls: undefined, sasl: undefined }

/** Reads the files once: a certificate that is replaced needs a restart. */
export const kafkaSecurity = (config: Config): KafkaSecurity => ({
  tls:
    config.KAFKA_TLS === 'false'
      ? undefined
      : {
          ...(config.KAFKA_CA_FILE && { ca: readFileSync(config.KAFKA_CA_FILE) }),
          ...(config.KAFKA_CERT_FILE && { cert: readFileSync(config.KAFKA_CERT_FILE) }),
          ...(config.KAFKA_KEY_FILE && { key: readFileSync(config.KAFKA_KEY_FILE) }),
        },
  sasl:
    config.KAFKA_SASL_MECHANISM === 'none'
      ? undefined
      : {
          mechanism: config.KAFKA_SASL_MECHANISM,
          username: config.KAFKA_SASL_USERNAME,
          password: config.KAFKA_SASL_PASSWORD,
        },
})

type Facts = { readonly name?: string; readonly type?: unknown }

/**
 * `error` as a text that names a setting, where one mends it; else what a connection met last, if known:
 * kafkajs says nothing of that when it tries again.
 */
export const explainFailure = (
  error: Error,
  { tls, sasl }: KafkaSecurity,
  lastFault?: Error,
): Error => {
  for (const one of [error, error.cause, lastFault]) {
    if (!(one instanceof Error)) continue
    const advice = adviceOn(one, sasl)
    if (advice) return new LogRefusesUs(`${advice} (${oneLine(one.message)})`, { cause: error })
    // A broker that starts, or goes down, does this to anybody: no refusal for certain.
    if (one instanceof ClosedUnanswered) {
      const login = sasl ? sasl.mechanism : 'none'
      return new Error(
        `${one.message}: if Kafka is up, check KAFKA_TLS (${tls !== undefined}) and KAFKA_SASL_MECHANISM (${login}) for this port`,
        { cause: error },
      )
    }
  }
  return lastFault ?? error
}

const adviceOnTls: Readonly<Record<TlsFault, string>> = {
  untrusted:
    "Kafka's certificate is not trusted: set KAFKA_CA_FILE to the certificate of who signed it",
  'out-of-time': "Kafka's certificate is not valid now: renew it, or set the clock of this machine",
  'other-name':
    "Kafka's certificate is for another name: set KAFKA_BROKERS, and advertised.listeners of the broker, to a name in it",
  'client-certificate':
    'Kafka asks for a client certificate that it trusts: set KAFKA_CERT_FILE and KAFKA_KEY_FILE',
  'no-tls':
    'Kafka speaks no TLS on this port: set KAFKA_TLS to false, or KAFKA_BROKERS to its TLS port',
}

const adviceOn = (error: Error, sasl: SASLOptions | undefined): string | undefined => {
  const { name, type } = error as Facts
  if (type === 'UNSUPPORTED_SASL_MECHANISM' || /mechanism is not supported/.test(error.message)) {
    return `Kafka does not offer ${sasl?.mechanism}: set KAFKA_SASL_MECHANISM to one that it does`
  }
  if (type === 'ILLEGAL_SASL_STATE') {
    return 'Kafka takes no SASL on this port: set KAFKA_SASL_MECHANISM to none, or KAFKA_BROKERS to its SASL port'
  }
  if (name === 'KafkaJSSASLAuthenticationError' || type === 'SASL_AUTHENTICATION_FAILED') {
    return 'Kafka does not accept the user or the password: set KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM'
  }
  const fault = tlsFaultOf(error)
  return fault && adviceOnTls[fault]
}

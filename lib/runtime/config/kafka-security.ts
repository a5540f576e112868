// TLS and SASL to Kafka: the settings, how they depend on each other, and the names that operators
// know from other clients, which would else be ignored in silence.

import { createPrivateKey } from 'node:crypto'
import { certificatesIn, pairFaults, pemFile } from './pem.ts'

const mechanisms = ['none', 'plain', 'scram-sha-256', 'scram-sha-512'] as const
export type SaslMechanism = (typeof mechanisms)[number]

/** Rows of the table of settings. */
export const kafkaSecuritySettings = {
  KAFKA_TLS: {
    default: 'false',
    unit: 'false or true',
    meaning: 'true: connections to Kafka use TLS, as managed Kafka asks for.',
    parse(text: string): 'false' | 'true' {
      if (text !== 'false' && text !== 'true') throw new Error('false or true')
      return text
    },
  },
  KAFKA_CA_FILE: pemFile(
    'certificates',
    "Certificates that Kafka's must be signed by. Without, those that Node.js trusts.",
    certificatesIn,
  ),
  KAFKA_CERT_FILE: pemFile(
    'a certificate',
    'Client certificate, for brokers that ask for one. Needs KAFKA_KEY_FILE.',
    certificatesIn,
  ),
  KAFKA_KEY_FILE: pemFile(
    'a private key without a passphrase',
    'Private key of KAFKA_CERT_FILE.',
    createPrivateKey,
  ),
  KAFKA_SASL_MECHANISM: {
    default: 'none',
    unit: mechanisms.join(' or '),
    meaning: 'How to log in to Kafka. `plain` sends the password as it is: use it with KAFKA_TLS.',
    parse(text: string): SaslMechanism {
      const mechanism = mechanisms.find((one) => one === text.toLowerCase())
      if (mechanism === undefined) throw new Error(mechanisms.join(' or '))
      return mechanism
    },
  },
  KAFKA_SASL_USERNAME: {
    default: '',
    unit: 'name',
    meaning: 'User of Kafka; an API key at some providers.',
    parse: (text: string) => text,
  },
  KAFKA_SASL_PASSWORD: {
    default: '',
    unit: 'password',
    meaning: 'Password of KAFKA_SASL_USERNAME; an API secret at some providers.',
    isSecret: true,
    parse: (text: string) => text,
  },
} as const

type Values = Readonly<Record<string, unknown>>

/** What a setting needs of another one; one line each. */
export const kafkaSecurityFaults = (values: Values): string[] => {
  const faults: string[] = []
  const isSet = (name: string) => values[name] !== ''
  const mechanism = String(values['KAFKA_SASL_MECHANISM'])
  for (const name of ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD']) {
    if (isSet(name) && mechanism === 'none') {
      faults.push(
        `${name} is set but KAFKA_SASL_MECHANISM is not: set it to plain, scram-sha-256 or scram-sha-512`,
      )
    }
    if (!isSet(name) && mechanism !== 'none') {
      faults.push(`${name} is not set: KAFKA_SASL_MECHANISM is ${mechanism}, which needs it`)
    }
  }
  for (const name of ['KAFKA_CA_FILE', 'KAFKA_CERT_FILE', 'KAFKA_KEY_FILE']) {
    if (isSet(name) && values['KAFKA_TLS'] !== 'true') {
      faults.push(`${name} is set but KAFKA_TLS is false: set KAFKA_TLS to true`)
    }
  }
  faults.push(...pairFaults(values, 'KAFKA_CERT_FILE', 'KAFKA_KEY_FILE'))
  return faults
}

/** What an operator should know who may have meant it so. */
export const kafkaSecurityWarning = (config: {
  readonly COMMAND_LOG: string
  readonly KAFKA_TLS: 'false' | 'true'
  readonly KAFKA_SASL_MECHANISM: SaslMechanism
}): string | undefined =>
  config.COMMAND_LOG === 'kafka' &&
  config.KAFKA_SASL_MECHANISM === 'plain' &&
  config.KAFKA_TLS === 'false'
    ? 'the password of Kafka is sent unencrypted: set KAFKA_TLS to true, or KAFKA_SASL_MECHANISM to scram-sha-512'
    : undefined

const pem = '(_(FILE|PATH|LOCATION|PEM|CERT|CERTS|CERTIFICATES?|CHAIN|DATA))*'
/** What other clients of Kafka call our settings, after `KAFKA_`; the first that fits counts. */
const otherNames: readonly (readonly [RegExp, string])[] = (
  [
    ['(SASL_)?JAAS(_CONFIG|_FILE)?', 'KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD'],
    ['(CLIENT_)?SECURITY(_PROTOCOL)?|PROTOCOL', 'KAFKA_TLS and KAFKA_SASL_MECHANISM'],
    [
      '(CLIENT_|AUTH_|SASL_|PLAIN_|SCRAM_)*(USER|USERNAME|USER_NAME|LOGIN|API_KEY)',
      'KAFKA_SASL_USERNAME',
    ],
    [
      '(CLIENT_|AUTH_|SASL_|PLAIN_|SCRAM_|USER_)*(PASS|PASSWD|PASSWORD|PWD|API_SECRET|SECRET)(_FILE)?',
      'KAFKA_SASL_PASSWORD',
    ],
    [
      '(CLIENT_)?(SASL|AUTH)(_ENABLED?|_TYPE|_MECH|_METHOD)?|(CLIENT_|AUTH_|SASL_|SCRAM_)*MECHANISMS?|USE_SASL|ENABLE_SASL',
      'KAFKA_SASL_MECHANISM',
    ],
    ['(USE_|ENABLE_|WITH_|CLIENT_)*(SSL|TLS)(_ENABLED?|_ON|_MODE)?', 'KAFKA_TLS'],
    [`(CLIENT_|SSL_|TLS_)*(ROOT_)?(CA|CACERTS?|TRUSTSTORE|TRUSTED)${pem}`, 'KAFKA_CA_FILE'],
    [`(CLIENT_|SSL_|TLS_)*(PRIVATE_)?KEY${pem}`, 'KAFKA_KEY_FILE'],
    [`(CLIENT_|SSL_|TLS_)*(CERT|CERTIFICATE|KEYSTORE)${pem}`, 'KAFKA_CERT_FILE'],
    [
      '(BOOTSTRAP|BROKER|BROKERS|SERVER|SERVERS)(_(SERVERS?|BROKERS?|LIST|URLS?|HOSTS?|ADDR|ADDRESS|ADDRESSES))?|HOSTS?|PORT|URLS?|URI|ENDPOINTS?|ADDR|ADDRESS|ADDRESSES|NODES|METADATA_BROKER_LIST',
      'KAFKA_BROKERS',
    ],
    ['(TODOS?_|COMMANDS?_)?TOPICS?(_NAME)?', 'KAFKA_TODO_TOPIC'],
    ['TOPIC_PARTITIONS', 'KAFKA_PARTITIONS'],
    ['(TOPIC_)?MIN_?(IN_?SYNC|ISR)(_REPLICAS)?', 'KAFKA_MIN_INSYNC_REPLICAS'],
    ['(TOPIC_)?REPLICATION(_FACTOR)?|REPLICAS', 'KAFKA_REPLICATION_FACTOR'],
  ] as const
).map(([pattern, meant]) => [new RegExp(`^KAFKA_(${pattern})$`), meant])

/**
 * The setting that a variable of another client means; undefined for a variable that is none. The
 * broker's own (KAFKA_ADVERTISED_LISTENERS, KAFKA_HEAP_OPTS), in a shared environment, are none.
 */
export const meantOfKafka = (name: string): string | undefined =>
  otherNames.find(([names]) => names.test(name))?.[1]

// TLS and SASL to Kafka, and TLS to Redis, as settings: what each needs of the others, and other clients' names.

import { join } from 'node:path'
import t from 'tap'
import { writeFile } from 'node:fs/promises'
import { createAuthority } from '../../../scripts/stack/certificates.ts'
import { orSkip, testDirectory } from '../../../testing/services.ts'
import { ConfigError, readConfig } from './config.ts'
import { kafkaSecurityWarning } from './kafka-security.ts'

const faultsOf = (env: NodeJS.ProcessEnv): string[] => {
  try {
    readConfig(env, 'worker')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n')
  }
}
const login = { KAFKA_SASL_USERNAME: 'todos', KAFKA_SASL_PASSWORD: 'hunter2' }

t.test('SASL needs a mechanism, a user and a password, each told in one line', async (t) => {
  for (const mechanism of ['plain', 'PLAIN', 'scram-sha-256', 'SCRAM-SHA-512']) {
    t.same(faultsOf({ ...login, KAFKA_SASL_MECHANISM: mechanism }), [], mechanism)
  }
  t.match(faultsOf(login), [
    /^KAFKA_SASL_USERNAME is set but KAFKA_SASL_MECHANISM is not: set it to plain, /,
    /^KAFKA_SASL_PASSWORD is set but KAFKA_SASL_MECHANISM is not: set it to plain, /,
  ])
  t.match(faultsOf({ KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'todos' }), [
    /^KAFKA_SASL_PASSWORD is not set: KAFKA_SASL_MECHANISM is plain, which needs it$/,
  ])
  t.match(faultsOf({ KAFKA_SASL_MECHANISM: 'scram-sha-256', KAFKA_SASL_PASSWORD: 'hunter2' }), [
    /^KAFKA_SASL_USERNAME is not set: KAFKA_SASL_MECHANISM is scram-sha-256/,
  ])
  t.match(faultsOf({ ...login, KAFKA_SASL_MECHANISM: 'oauthbearer' }), [
    /^KAFKA_SASL_MECHANISM is "oauthbearer": set it to none or plain or scram-sha-256 or/,
  ])
  t.notMatch(faultsOf(login).join(), 'hunter2')
})

t.test('a password that is sent unencrypted is warned of', async (t) => {
  const warningOf = (env: NodeJS.ProcessEnv) =>
    kafkaSecurityWarning(readConfig({ ...login, ...env }, 'worker'))
  t.match(warningOf({ KAFKA_SASL_MECHANISM: 'plain' }), /unencrypted: set KAFKA_TLS to true/)
  t.equal(warningOf({ KAFKA_SASL_MECHANISM: 'plain', KAFKA_TLS: 'true' }), undefined)
  t.equal(warningOf({ KAFKA_SASL_MECHANISM: 'scram-sha-256' }), undefined)
})

t.test('files are there, hold what they should, and belong together', async (t) => {
  const directory = await testDirectory(t)
  const made = await orSkip(t, async () => {
    const authority = await createAuthority(directory, 'authority')
    return {
      ca: authority.certFile,
      one: await authority.issue('one'),
      other: await authority.issue('other'),
    }
  })
  if (!made) return
  const { ca, one, other } = made
  const pair = { KAFKA_CERT_FILE: one.certFile, KAFKA_KEY_FILE: one.keyFile }
  t.same(faultsOf({ KAFKA_TLS: 'true', KAFKA_CA_FILE: ca, ...pair }), [])
  t.match(faultsOf({ KAFKA_CA_FILE: ca }), [
    /^KAFKA_CA_FILE is set but KAFKA_TLS is false: set KAFKA_TLS to true$/,
  ])
  const broken = join(directory, 'broken.pem')
  await writeFile(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  for (const bad of [join(directory, 'none.pem'), directory, one.keyFile, broken]) {
    t.match(faultsOf({ KAFKA_TLS: 'true', KAFKA_CA_FILE: bad }), [
      /^KAFKA_CA_FILE is ".*": set it to a file with certificates in PEM \(.+\)$/,
    ])
  }
  t.match(faultsOf({ KAFKA_TLS: 'true', KAFKA_CERT_FILE: one.certFile }), [
    /^KAFKA_KEY_FILE is not set: KAFKA_CERT_FILE is, and needs it$/,
  ])
  t.match(faultsOf({ KAFKA_TLS: 'true', KAFKA_KEY_FILE: one.keyFile }), [
    /^KAFKA_CERT_FILE is not set: KAFKA_KEY_FILE is, and needs it$/,
  ])
  t.match(faultsOf({ KAFKA_TLS: 'true', ...pair, KAFKA_KEY_FILE: other.keyFile }), [
    /^KAFKA_KEY_FILE is not the key of KAFKA_CERT_FILE: set both to one pair$/,
  ])
})

t.test("other clients' names are refused, with ours", async (t) => {
  const meant: Readonly<Record<string, readonly string[]>> = {
    KAFKA_BROKERS: ['BOOTSTRAP_SERVERS', 'BOOTSTRAP_SERVER', 'BROKER_LIST', 'HOST', 'PORT', 'URL'],
    KAFKA_TODO_TOPIC: ['TOPIC', 'TOPICS', 'TOPIC_NAME', 'TODOS_TOPICS'],
    KAFKA_SASL_USERNAME: ['USERNAME', 'USER', 'SASL_USER', 'API_KEY', 'SASL_PLAIN_USERNAME'],
    KAFKA_SASL_PASSWORD: ['PASSWORD', 'SASL_PASS', 'API_SECRET', 'PASSWORD_FILE'],
    KAFKA_SASL_MECHANISM: ['SASL', 'MECHANISM', 'AUTH', 'SASL_ENABLED'],
    'KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD': ['SASL_JAAS_CONFIG'],
    KAFKA_TLS: ['SSL', 'USE_SSL', 'SSL_ENABLED', 'TLS_ENABLED', 'ENABLE_TLS'],
    'KAFKA_TLS and KAFKA_SASL_MECHANISM': ['SECURITY_PROTOCOL'],
    KAFKA_CA_FILE: ['CA', 'CA_CERT', 'SSL_CA_LOCATION', 'SSL_TRUSTSTORE_LOCATION', 'TLS_CA_FILE'],
    KAFKA_CERT_FILE: ['CLIENT_CERT', 'SSL_CERTIFICATE_LOCATION', 'SSL_KEYSTORE_LOCATION'],
    KAFKA_KEY_FILE: ['CLIENT_KEY', 'SSL_KEY_LOCATION', 'TLS_KEY'],
  }
  for (const [ours, theirs] of Object.entries(meant)) {
    for (const name of theirs) {
      t.same(faultsOf({ [`KAFKA_${name}`]: 'hunter2' }), [
        `KAFKA_${name} is not a setting: did you mean ${ours}?`,
      ])
    }
  }
})

t.test('files of TLS to Redis need a URL that is with TLS, and each other', async (t) => {
  const made = await orSkip(t, async () => {
    const authority = await createAuthority(await testDirectory(t), 'authority')
    return { ca: authority.certFile, client: await authority.issue('client') }
  })
  if (!made) return
  const files = {
    REDIS_CA_FILE: made.ca,
    REDIS_CERT_FILE: made.client.certFile,
    REDIS_KEY_FILE: made.client.keyFile,
  }
  for (const url of ['rediss://h', 'rediss+sentinel://h/todos', 'rediss+cluster://h']) {
    t.same(faultsOf({ ...files, REDIS_URL: url }), [], url)
  }
  t.match(faultsOf({ REDIS_CA_FILE: made.ca, REDIS_URL: 'redis+cluster://h' }), [
    /^REDIS_CA_FILE is set but REDIS_URL is without TLS: let it begin with rediss$/,
  ])
  t.match(faultsOf({ REDIS_CERT_FILE: made.client.certFile, REDIS_URL: 'rediss://h' }), [
    /^REDIS_KEY_FILE is not set: REDIS_CERT_FILE is, and needs it$/,
  ])
  t.match(faultsOf({ REDIS_TLS_CA: made.ca, REDIS_URL: 'rediss://h' }), [
    /^REDIS_TLS_CA is not a setting: did you mean REDIS_CA_FILE\?$/,
  ])
})

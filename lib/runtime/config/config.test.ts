// The settings: defaults, and what a wrong one is told.

import { randomBytes } from 'node:crypto'
import t from 'tap'
import { seeded } from '../../../testing/seeded.ts'
import { secretsIn } from './accounts.ts'
import { ConfigError, readConfig, settings } from './config.ts'
import { shardsIn } from './shard-urls.ts'

const secret = 'x'.repeat(32)

const faultsOf = (env: NodeJS.ProcessEnv): string[] => {
  try {
    readConfig(env, 'server')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n')
  }
}

t.test('each default is one that may be set, and means the same', async (t) => {
  const config = readConfig({ JWT_SECRET: secret }, 'server')
  for (const [name, setting] of Object.entries(settings)) {
    if (setting.default === undefined) continue
    t.equal(setting.parse(String(setting.default)), setting.default, name)
    t.equal(config[name as keyof typeof settings], setting.default, name)
    const emptied = readConfig({ JWT_SECRET: secret, [name]: '' }, 'server')
    t.equal(emptied[name as keyof typeof settings], setting.default, `${name} is empty`)
  }
})

t.test('the defaults of the reference hold', async (t) => {
  const config = readConfig({ JWT_SECRET: secret }, 'server')
  t.match(config, {
    HTTP_PORT: 8080,
    HTTP_ENGINE: 'node',
    REDIS_URL: 'redis://localhost:6379/0',
    CACHE_TTL_SEC: 300,
    KAFKA_BROKERS: 'localhost:9092',
    KAFKA_TODO_TOPIC: 'todo-commands',
  })
})

t.test('every setting that cannot be is told in one line that names it', async (t) => {
  const impossible: Partial<Record<keyof typeof settings, string | undefined>> = {
    HTTP_HOST: undefined,
    DATA_DIR: undefined,
    PAGE_DIRECTORY: undefined,
    BACKUP_DIR: undefined,
    KAFKA_TODO_TOPIC: 'no spaces allowed',
    JWT_SECRET: 'short',
    KAFKA_SASL_USERNAME: undefined,
    KAFKA_SASL_PASSWORD: undefined,
    REDIS_HOST: 'redis:6379',
    REDIS_PASSWORD: undefined,
  }
  for (const name of Object.keys(settings) as (keyof typeof settings)[]) {
    const value = name in impossible ? impossible[name] : '-1 is not it'
    if (value === undefined) continue // any text will do for these
    const faults = faultsOf({ JWT_SECRET: secret, [name]: value })
    t.equal(faults.length, 1, name)
    t.match(faults[0], new RegExp(`^${name} is .*: set it to `))
  }
})

t.test('a number may be what its message says, to the last, and no more', async (t) => {
  let numbers = 0
  for (const [name, setting] of Object.entries(settings)) {
    if (typeof setting.default !== 'number') continue
    numbers++
    const valueOf = (text: string) => {
      // So that no other setting is contradicted.
      const others = {
        HTTP_HEADERS_TIMEOUT_MS: '1000',
        HTTP_REQUEST_TIMEOUT_MS: '600000',
        KAFKA_REPLICATION_FACTOR: '10',
      }
      const config = readConfig({ JWT_SECRET: secret, ...others, [name]: text }, 'server')
      return config[name as keyof typeof settings]
    }
    const message = faultsOf({ JWT_SECRET: secret, [name]: 'x' })[0] ?? ''
    const [, min, max] = (/from (\d+) to (\d+)$/.exec(message) ?? []).map(Number)
    for (const good of [min, max] as number[]) t.equal(valueOf(String(good)), good, name)
    for (const bad of [
      String((min as number) - 1),
      String((max as number) + 1),
      '1e3',
      '0x10',
      '1.5',
      '+5',
      ' 5',
      '5 ',
      '5ms',
      '1_000',
      'NaN',
      'Infinity',
      '\uff15',
    ]) {
      t.throws(() => valueOf(bad), ConfigError, `${name}=${bad}`)
    }
  }
  t.ok(numbers > 10)
})

t.test('a fault is one line, whatever the value', async (t) => {
  for (const name of Object.keys(settings)) {
    // None at all where any text will do.
    const faults = faultsOf({ JWT_SECRET: secret, [name]: 'a\r\nb' })
    t.ok(faults.length <= 1, name)
    t.notMatch(faults.join(), '\r')
  }
})

t.test('no password in a URL is repeated', async (t) => {
  for (const name of ['DATABASE_URL', 'REDIS_URL']) {
    for (const value of [
      'mysql://user:hunter2@host/db',
      'postgres//user:hunter2@host/db',
      'host?password=hunter2',
      'redis//:hunter2',
      'http://user:hunter2@host',
    ]) {
      const [fault = ''] = faultsOf({ JWT_SECRET: secret, [name]: value })
      t.match(fault, new RegExp(`^${name} is .*: set it to a URL that begins with `))
      t.notMatch(fault, 'hunter2')
    }
  }
})

t.test('replicas are URLs, each as that of the primary is', async (t) => {
  const urlsOf = (text: string) =>
    readConfig({ DATABASE_REPLICA_URLS: text }, 'script').DATABASE_REPLICA_URLS
  t.equal(urlsOf(' postgres://one/db,\npostgres://two/db '), 'postgres://one/db,postgres://two/db')
  const refuses = (text: string, told: RegExp) =>
    t.match(faultsOf({ JWT_SECRET: secret, DATABASE_REPLICA_URLS: text }), [told], text)
  refuses(
    'postgres://one/db?sslmode=no',
    /_URLS is \d+ bytes long: set it to URLs .*, each a URL whose sslmode/,
  )
  refuses('postgres://one,two/db', /each a URL/)
  refuses('postgres://one/db postgres://two/db', /URLs with commas in between$/)
  refuses(Array(17).fill('postgres://one/db').join(), /at most 16 URLs/)
})

t.test('shards are names with URLs', async (t) => {
  const read = (text: string) => readConfig({ DATABASE_SHARDS: text }, 'script').DATABASE_SHARDS
  const shards = 'a=postgres://one/db,b2=postgres://u:p,=w@two/db'
  t.equal(read(' a= postgres://one/db ,\n b2=postgres://u:p,=w@two/db '), shards)
  t.same(shardsIn(shards), [
    { name: 'a', url: 'postgres://one/db' },
    { name: 'b2', url: 'postgres://u:p,=w@two/db' },
  ])
  const refuses = (text: string, told: RegExp, more: NodeJS.ProcessEnv = {}) => {
    try {
      readConfig({ DATABASE_SHARDS: text, ...more }, 'script')
      t.fail(text)
    } catch (error) {
      const { message } = error as Error
      t.match(message, told, text)
      t.notMatch(message, /hunter2|\n/)
    }
  }
  refuses('postgres://u:hunter2@one/db', /bytes long: set it to name=URL/)
  refuses('A=postgres://u:hunter2@one/db', /a name has lower-case letters/)
  refuses('a=http://u:hunter2@one/db', /a a URL that begins with postgres/)
  refuses('a=postgres://one/db,a=postgres://two/db', /the name a is there twice/)
  refuses('a=postgres://one/db,b=postgres://one/db', /b has the URL of another shard/)
  refuses(
    Array.from({ length: 17 }, (_, i) => `s${i}=postgres://${i}/db`).join(),
    /at most 16 shards/,
  )
  refuses('a=postgres://one/db', /has the URL of DATABASE_URL as a/, {
    DATABASE_URL: 'postgres://one/db',
  })
  refuses('a=postgres://one/db', /shards have no replicas yet/, {
    DATABASE_REPLICA_URLS: 'postgres://two/db',
  })
})

t.test('origins are spelled as browsers spell them', async (t) => {
  const origins = (text: string) => faultsOf({ JWT_SECRET: secret, CORS_ORIGINS: text })
  for (const good of [
    '*',
    'https://a',
    'http://localhost:5173,https://a.example',
    'http://[::1]',
    'tauri://localhost',
    'capacitor://localhost,ionic://localhost',
    'chrome-extension://abcdefghijklmnop',
    'moz-extension://0a1b2c3d-0000-4000-8000-000000000000',
    'app://x:1',
    'ftp://a',
  ]) {
    t.same(origins(good), [], good)
  }
  for (const bad of [
    'a.example',
    'https://a/',
    'https://a/b',
    'https://a?b',
    'https://A',
    'https://a:443',
    'https://u@a',
    'https://',
    'null',
    'file:///',
    'tauri://localhost/',
    'tauri://localhost/a',
    'tauri://localhost?a',
    'tauri://u@localhost',
    'TAURI://localhost',
    'tauri:localhost',
    'tauri://',
    'tauri://local host',
    'tauri://*',
    'localhost:3000',
    'data:text/plain,x',
    'blob:https://a',
    '1a://b',
    '*,https://a',
    'https://*.a',
    'https://a,',
    ',https://a',
    'https://a, https://b',
    'https://a;https://b',
    'https://ä',
  ]) {
    t.match(origins(bad), [/^CORS_ORIGINS is ".*": set it to \*, or origins as browsers/], bad)
  }
})

t.test('request headers are names, in any case', async (t) => {
  const read = (text: string) =>
    readConfig({ JWT_SECRET: secret, CORS_REQUEST_HEADERS: text }, 'server').CORS_REQUEST_HEADERS
  t.equal(read(''), '')
  t.equal(read('X-Datadog-Trace-Id,b3'), 'x-datadog-trace-id, b3')
  t.equal(read('*'), '*')
  for (const bad of ['a b', 'a,', ',a', 'a, b', 'a:b', 'ä', 'a;b', 'a\r\nb: c']) {
    const faults = faultsOf({ JWT_SECRET: secret, CORS_REQUEST_HEADERS: bad })
    t.match(faults, [/^CORS_REQUEST_HEADERS is .*: set it to names of headers/], bad)
  }
})

t.test('trusted proxies are addresses or blocks of them', async (t) => {
  const proxies = (text: string) => faultsOf({ JWT_SECRET: secret, TRUSTED_PROXIES: text })
  for (const good of [
    '10.0.0.1',
    '10.0.0.0/8,::1',
    'fd00::/8',
    '0.0.0.0/0,::/0',
    '::ffff:1.2.3.4/128',
  ]) {
    t.same(proxies(good), [], good)
  }
  for (const bad of [
    'nginx',
    '10.0.0',
    '10.0.0.1/33',
    '::1/129',
    '10.0.0.1/',
    '10.0.0.1/-1',
    '10.0.0.1/8/8',
    '10.0.0.1,',
    '10.0.0.1, 10.0.0.2',
    'fe80::1%eth0',
    '10.0.0.1:80',
    '*',
    '/8',
  ]) {
    t.match(proxies(bad), [/^TRUSTED_PROXIES is ".*": set it to addresses or CIDR blocks/], bad)
  }
})

t.test('settings that contradict each other are told', async (t) => {
  const smtp = { JWT_SECRET: secret, SMTP_URL: 'smtp://mail' }
  t.match(faultsOf(smtp), [/^MAIL_FROM is not set, and SMTP_URL is: set it to the address/])
  t.same(faultsOf({ ...smtp, MAIL_FROM: 'todos@example.com' }), [])
  const required = { JWT_SECRET: secret, AUTH_EMAIL_VERIFICATION: 'required' }
  t.match(faultsOf(required), [/^AUTH_EMAIL_VERIFICATION is required, and no mail can be sent/])
  t.same(faultsOf({ ...required, COMMAND_LOG: 'postgres' }), [])
  t.match(faultsOf({ JWT_SECRET: secret, HTTP_REQUEST_TIMEOUT_MS: '5000' }), [
    /^HTTP_REQUEST_TIMEOUT_MS is 5000: set it to HTTP_HEADERS_TIMEOUT_MS \(10000\) or more$/,
  ])
  t.match(faultsOf({ JWT_SECRET: secret, METRICS_PORT: '8080' }), [
    /^METRICS_PORT is 8080, which is HTTP_PORT: set one of them to another$/,
  ])
  t.same(faultsOf({ JWT_SECRET: secret, METRICS_PORT: '0', HTTP_PORT: '0' }), [], 'two free ones')
  t.same(faultsOf({ JWT_SECRET: secret, METRICS_PORT: 'off', WORKER_METRICS_PORT: 'off' }), [])
  const replicas = { JWT_SECRET: secret, KAFKA_MIN_INSYNC_REPLICAS: '2' }
  t.match(faultsOf(replicas), [
    /^KAFKA_MIN_INSYNC_REPLICAS is 2: set it to KAFKA_REPLICATION_FACTOR \(1\) or less$/,
  ])
  t.same(faultsOf({ ...replicas, KAFKA_REPLICATION_FACTOR: '3' }), [])
  const portEach = { JWT_SECRET: secret, HTTP_PORT_PER_PROCESS: 'true', HTTP_PROCESSES: '3' }
  for (const port of ['0', '65534']) {
    t.match(faultsOf({ ...portEach, HTTP_PORT: port }), [
      /^HTTP_PORT is \d+: with HTTP_PORT_PER_PROCESS set it to the first of 3 ports$/,
    ])
  }
  t.same(faultsOf({ ...portEach, HTTP_PORT: '65533' }), [])
})

t.test('all faults are told at once', async (t) => {
  t.equal(faultsOf({ HTTP_PORT: '70000', DB_POOL_SIZE: '0' }).length, 3, 'the missing secret too')
})

t.test('a secret is required by the server, never repeated, and has 32 bytes', async (t) => {
  t.match(faultsOf({}), [/^JWT_SECRET is not set: set it to .*32 bytes/])
  t.match(faultsOf({ JWT_SECRET: '' }), [/^JWT_SECRET is not set/])
  const [fault = ''] = faultsOf({ JWT_SECRET: 'hunter2' })
  t.match(fault, /^JWT_SECRET is 7 bytes long/)
  t.notMatch(fault, /hunter2/)
  t.same(faultsOf({ JWT_SECRET: 'ü'.repeat(16) }), [], 'bytes, not characters')
  t.doesNotThrow(() => readConfig({}, 'worker'), 'a worker needs none')
})

t.test('further secrets are secrets, with commas between, and three at most', async (t) => {
  const others = ['a', 'b', 'c', 'd'].map((one) => one.repeat(32))
  const faults = (text: string) => faultsOf({ JWT_SECRET: secret, JWT_SECRETS_ACCEPTED: text })
  const acceptedOf = (text: string) =>
    secretsIn(
      readConfig({ JWT_SECRET: secret, JWT_SECRETS_ACCEPTED: text }, 'server').JWT_SECRETS_ACCEPTED,
    )
  t.same(acceptedOf(''), [])
  t.same(acceptedOf(others.slice(0, 3).join(' ,\n')), others.slice(0, 3))
  t.match(faults(others.join()), [
    /^JWT_SECRETS_ACCEPTED is 131 bytes long: set it to up to 3 secr/,
  ])
  for (const bad of [
    'hunter2',
    'change-me-change-me-change-me-change-me',
    `-----BEGIN ${others[0]}`,
  ])
    t.match(faults(`${others[0]},${bad}`), [
      /^JWT_SECRETS_ACCEPTED is \d+ bytes long: set it to up to 3 secrets, .* each a secret/,
    ])
})

t.test('a secret that is a key file, or was copied from an example, is refused', async (t) => {
  const pem =
    '-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----'
  for (const [secret, why] of [
    ...[pem, `\n ${pem}`, `x ${pem}`, pem.replace('PUBLIC', 'RSA PUBLIC').replaceAll('\n', '\\n')]
      .concat([
        '{"kty":"oct","k":"c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"}',
        ' {\n"keys":[{"kty":"RSA","n":"0vx7"}]}',
      ])
      .map((one) => [one, 'a secret, not a key in PEM or JWK'] as const),
    ...['change-me-change-me-change-me-change-me', 'CHANGE THIS before you go to production!']
      .concat(['your-256-bit-secret-your-256-bit-secret', 'the default secret of this application'])
      .concat(['a-string-secret-at-least-256-bits-long', 'supersecretsupersecretsupersecret'])
      .concat(['replace me replace me replace me replace me', 'example example example example ex'])
      .map((one) => [one, 'a secret of your own, not an example of one'] as const),
  ]) {
    const faults = faultsOf({ JWT_SECRET: secret })
    t.equal(faults.length, 1, secret)
    t.match(faults[0], `set it to ${why}`)
    t.match(faults[0], /^JWT_SECRET is \d+ bytes long: /, 'not repeated')
  }
  for (let i = 0; i < 100; i++) {
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      const secret = randomBytes(32).toString(encoding)
      t.same(faultsOf({ JWT_SECRET: secret }), [], secret)
    }
  }
})

t.test('a name that nearly spells a setting is refused', async (t) => {
  for (const [wrong, meant] of [
    ['HTTP_PROT', 'HTTP_PORT'],
    ['DB_POOLSIZE', 'DB_POOL_SIZE'],
    ['REDIS_URLS', 'REDIS_URL'],
    ['KAFKA_BROKER', 'KAFKA_BROKERS'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['DATABASE_URLS', 'DATABASE_URL'],
    ['DATABASE_HOST', 'DATABASE_URL'],
    ['DB_PASSWORD', 'DATABASE_URL'],
    ['POSTGRES_URL', 'DATABASE_URL'],
    ['DATABASE_REPLICA_URL', 'DATABASE_REPLICA_URLS'],
    ['DATABASE_READ_URL', 'DATABASE_REPLICA_URLS'],
    ['DATABASE_SHARD_URLS', 'DATABASE_SHARDS'],
    ['DATABASE_MAX_CONNECTIONS', 'DB_POOL_SIZE'],
    ['REDIS_ADDR', 'REDIS_URL'],
    ['REDIS_URI', 'REDIS_URL'],
    ['REDIS_USERNAME', 'REDIS_URL'],
    ['REDIS_TLS', 'REDIS_URL (rediss:// is with TLS)'],
    ['REDIS_HOSTS', 'REDIS_HOST'],
    ['REDIS_HOSTNAME', 'REDIS_HOST'],
    ['REDIS_PASS', 'REDIS_PASSWORD'],
    ['REDIS_TLS_CA', 'REDIS_CA_FILE'],
    ['REDIS_SSL_CERT_FILE', 'REDIS_CERT_FILE'],
    ['REDIS_CLIENT_KEY', 'REDIS_KEY_FILE'],
    ['JWT_SECRETS_FILE', 'JWT_SECRET_FILE'],
    ['REDIS_URL_FIL', 'REDIS_URL_FILE'],
  ] as const) {
    t.same(faultsOf({ JWT_SECRET: secret, [wrong]: '1' }), [
      `${wrong} is not a setting: did you mean ${meant}?`,
    ])
  }
})

t.test('each setting with a letter too many, too few, changed or swapped is refused', async (t) => {
  const random = seeded(t)
  const wrongly = (name: string): string => {
    const i = 1 + random.below(name.length - 2)
    const [before, letter, after] = [name.slice(0, i), name.charAt(i), name.slice(i + 1)]
    const other = 'QXZ'.charAt(random.below(3))
    return [
      `${before}${after}`,
      `${before}${other}${letter}${after}`,
      `${before}${other}${after}`,
      `${before}${after.charAt(0)}${letter}${after.slice(1)}`,
    ][random.below(4)] as string
  }
  for (const name of Object.keys(settings)) {
    for (let round = 0; round < 20; round++) {
      const wrong = wrongly(name)
      if (wrong in settings) continue
      t.match(faultsOf({ JWT_SECRET: secret, [wrong]: 'hunter2' }), [
        new RegExp(`^${wrong} is not a setting: did you mean ${name}\\?$`),
      ])
    }
  }
})

t.test('what others put into the environment is not refused', async (t) => {
  t.same(
    faultsOf({
      JWT_SECRET: secret,
      REDIS_PORT: 'tcp://10.0.0.1:6379',
      REDIS_SERVICE_HOST: '10.0.0.1',
      // Services that are called http, metrics and database.
      HTTP_PORT: 'tcp://10.0.0.1:80',
      HTTPS_PORT: 'tcp://10.0.0.1:443',
      METRICS_PORT: 'tcp://10.0.0.1:80',
      DATABASE_PORT: 'tcp://10.0.0.1:5432',
      DATABASE_PORT_5432_TCP_PORT: '5432',
      // Heroku, Railway, Vercel and the images of Docker.
      DATABASE_URL: 'postgres://h/db',
      REDIS_URL: 'redis://h',
      DATABASE_URL_UNPOOLED: 'postgres://h/db',
      DATABASE_PUBLIC_URL: 'postgres://h/db',
      REDIS_TLS_URL: 'rediss://h',
      REDIS_PUBLIC_URL: 'redis://h',
      REDIS_PASSWORD: 'hunter2',
      REDIS_TLS_CA_FILE: '/etc/redis/ca.pem',
      REDISHOST: 'h',
      POSTGRES_URL: 'postgres://h/db',
      POSTGRES_PASSWORD: 'hunter2',
      REDIS_PORT_6379_TCP_ADDR: '10.0.0.1',
      KAFKA_SERVICE_PORT: '9092',
      TODOS_HTTP_PORT: 'tcp://10.0.0.1:8080',
      KUBERNETES_PORT: 'tcp://10.0.0.1:443',
      DATABASE_PASSWORD: 'hunter2',
      KAFKA_HOME: '/opt/kafka',
      KAFKA_HEAP_OPTS: '-Xmx1g',
      KAFKA_PORT: 'tcp://10.0.0.1:9092',
      KAFKA_PORT_9092_TCP_ADDR: '10.0.0.1',
      KAFKA_SERVICE_HOST: '10.0.0.1',
      KAFKA_TLS_SERVICE_PORT: '9093',
      // A broker's own, in an environment that is shared with it.
      KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka:9092',
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT',
      KAFKA_NUM_PARTITIONS: '6',
      KAFKA_BROKER_ID: '1',
      KAFKA_SASL_ENABLED_MECHANISMS: 'PLAIN',
      KAFKA_SASL_MECHANISM_INTER_BROKER_PROTOCOL: 'PLAIN',
      KAFKA_SSL_KEYSTORE_FILENAME: 'broker.jks',
      HTTP_PROXY: 'http://proxy',
      PATH: '/bin',
    }),
    [],
  )
})

t.test('a secret may come from a file', async (t) => {
  const directory = t.testdir({
    secret: `${secret}\n`,
    crlf: `${secret}\r\n`,
    spaces: `  ${secret}\n\n`,
    empty: '\n',
    url: 'redis://h:1\n',
    long: 'x'.repeat(70_000),
  })
  const file = (name: string) => `${directory}/${name}`
  const valueOf = (name: string) => readConfig({ JWT_SECRET_FILE: file(name) }, 'server').JWT_SECRET
  t.equal(valueOf('secret'), secret)
  t.equal(valueOf('crlf'), secret)
  t.equal(valueOf('spaces'), `  ${secret}\n`, 'one line end, and nothing else')
  t.match(faultsOf({ JWT_SECRET_FILE: file('none') }), [
    /^JWT_SECRET_FILE is ".*none", which can't be read \(ENOENT\): set it to a file/,
  ])
  t.match(faultsOf({ JWT_SECRET_FILE: directory }), [/can't be read \(EISDIR\)/])
  t.match(faultsOf({ JWT_SECRET_FILE: file('empty') }), [/^JWT_SECRET_FILE names an empty file/])
  t.match(faultsOf({ JWT_SECRET_FILE: file('long') }), [/too long for a secret/])
  t.match(faultsOf({ JWT_SECRET: secret, JWT_SECRET_FILE: file('secret') }), [
    /^JWT_SECRET_FILE and JWT_SECRET are both set/,
  ])
  t.same(faultsOf({ JWT_SECRET: '', JWT_SECRET_FILE: file('secret') }), [])
  t.same(faultsOf({ JWT_SECRET: secret, JWT_SECRET_FILE: '' }), [])
  const secrets = Object.entries(settings).filter(([, setting]) => 'isSecret' in setting)
  t.ok(secrets.length > 5)
  for (const [name] of secrets) {
    t.match(faultsOf({ JWT_SECRET: '', [`${name}_FILE`]: file('none') }).join(), `${name}_FILE is`)
  }
  const config = readConfig({ JWT_SECRET: secret, REDIS_URL_FILE: file('url') }, 'server')
  t.equal(config.REDIS_URL, 'redis://h:1')
})

t.test('Redis in parts, as other programs have it', async (t) => {
  const urlOf = (env: NodeJS.ProcessEnv) =>
    readConfig({ JWT_SECRET: secret, ...env }, 'server').REDIS_URL
  t.equal(urlOf({}), 'redis://localhost:6379/0')
  t.equal(urlOf({ REDIS_HOST: 'redis' }), 'redis://redis:6379/0')
  t.equal(urlOf({ REDIS_HOST: '::1', REDIS_PORT: '7' }), 'redis://[::1]:7/0')
  t.equal(urlOf({ REDIS_HOST: '[::1]' }), 'redis://[::1]:6379/0')
  t.equal(urlOf({ REDIS_PASSWORD: 'a/b@c' }), 'redis://:a%2Fb%40c@localhost:6379/0')
  t.equal(urlOf({ REDIS_HOST: 'r', REDIS_PORT: 'tcp://10.0.0.1:1' }), 'redis://r:6379/0')
  t.equal(urlOf({ REDIS_HOST: 'r', REDIS_URL: 'redis://h' }), 'redis://h', 'the URL wins')
})

t.test('a Redis URL that can not be followed is refused with what can', async (t) => {
  const fault = (url: string) => faultsOf({ JWT_SECRET: secret, REDIS_URL: url }).join()
  for (const good of [
    'redis://h',
    'rediss://u:p%40@h:1/2',
    'redis://:p@[::1]:6379',
    'redis://h/',
    'redis+sentinel://u:p@a:1,[::1]:2,b/my%2Dmaster/3?sentinelPassword=p%40',
    'redis+sentinel://a/todos',
    'rediss+cluster://:p@a:1,b',
    'redis+cluster://a/0',
  ]) {
    t.equal(fault(good), '', good)
  }
  for (const [bad, line] of [
    ['redis://a:1,b:2/0', /one host/],
    ['redis://::1/0', /in brackets/],
    ['redis://h/todos', /whose path is the number of a database/],
    ['redis://h?ssl_cert_reqs=none', /without ssl_cert_reqs, which is not followed: remove it/],
    ['redis://:hunter/2@h', /percent-encoded/],
    ['redis://:1/hunter@h', /percent-encoded/],
    ['redis://:hunter#2@h', /percent-encoded/],
    ['redis://:hunter%2@h', /percent-encoded/],
    ['redis://h:70000', /percent-encoded/],
    [
      'redis+sentinels://h/todos',
      /begins with redis:\/\/, redis\+sentinel:\/\/ or redis\+cluster:\/\//,
    ],
    [
      'redis+sentinel://a:1,b:2',
      /whose path is the name of the master, such as in redis\+sentinel/,
    ],
    ['redis+sentinel://a:1,b:2/0/todos', /name of the master/],
    ['redis+sentinel://a,,b/todos', /percent-encoded/],
    ['redis+sentinel://:hunter/2@a/todos', /percent-encoded|name of the master/],
    ['redis+sentinel://a/todos?password=hunter', /without password, which is not followed/],
    ['redis+cluster://a:1,b:2/3', /without a database: a cluster has number 0 only/],
    ['redis+cluster://a?sentinelPassword=hunter', /without sentinelPassword/],
    ['redis+cluster://:hunter@::1', /in brackets/],
  ] as const) {
    t.match(fault(bad), line, bad)
    t.notMatch(fault(bad), 'hunter')
  }
})

t.test('brokers may have IPv6 addresses, in brackets', async (t) => {
  const faults = (text: string) => faultsOf({ JWT_SECRET: secret, KAFKA_BROKERS: text })
  for (const good of ['[::1]:9092', 'a:1,[fd00::7]:2', '10.0.0.1:9092']) t.same(faults(good), [])
  for (const bad of ['::1:9092', '[::1]', '[::1', '[a b]:1', '[host]:1', 'a']) {
    t.match(faults(bad), [/^KAFKA_BROKERS is .*in brackets: \[::1\]:9092$/], bad)
  }
})

t.test('PUBLIC_API_URL is a URL of HTTP', async (t) => {
  const read = (text: string) =>
    readConfig({ JWT_SECRET: secret, PUBLIC_API_URL: text }, 'server').PUBLIC_API_URL
  t.equal(read('https://api.example'), 'https://api.example')
  t.equal(read('http://[::1]:8080/todos/'), 'http://[::1]:8080/todos')
  for (const bad of ['api.example', 'ftp://a', 'https://u:p@a', 'https://a/?b', 'https://a#b']) {
    t.throws(() => read(bad), ConfigError, bad)
  }
})

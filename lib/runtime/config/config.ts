// Every setting of the project in one typed table, and the only place that reads the environment.
// The README's table is checked against this one by config.test.ts.

import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { kafkaSecurityFaults, kafkaSecuritySettings, meantOfKafka } from './kafka-security.ts'

type Role = 'server' | 'worker' | 'script'

type Setting<Value> = {
  readonly default: Value | undefined
  readonly unit: string
  readonly meaning: string
  readonly parse: (text: string) => Value
  /** Holds a secret, or may: its value is never shown. */
  readonly isSecret?: true
  /** Roles that cannot start without a value; the others leave it undefined. */
  readonly requiredBy?: readonly Role[]
}

const wholeNumber = (spec: {
  default: number
  min: number
  max: number
  unit: string
  meaning: string
}): Setting<number> => ({
  ...spec,
  parse(text) {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : NaN
    if (!(value >= spec.min && value <= spec.max)) {
      throw new Error(`a whole number from ${spec.min} to ${spec.max}`)
    }
    return value
  },
})

const portOrOff = (spec: { default: number; meaning: string }): Setting<number | 'off'> => ({
  ...spec,
  unit: 'port or off',
  parse(text) {
    if (text === 'off') return text
    const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN
    if (!(port <= 65535)) throw new Error('off, or a port from 0 to 65535')
    return port
  },
})

const oneOf = <Choice extends string>(spec: {
  default: Choice
  choices: readonly Choice[]
  meaning: string
}): Setting<Choice> => ({
  default: spec.default,
  unit: spec.choices.join(' or '),
  meaning: spec.meaning,
  parse(text) {
    const choice = spec.choices.find((one) => one === text)
    if (choice === undefined) throw new Error(spec.choices.join(' or '))
    return choice
  },
})

const url = (spec: {
  default: string
  protocols: readonly string[]
  meaning: string
}): Setting<string> => ({
  default: spec.default,
  unit: 'URL',
  meaning: spec.meaning,
  isSecret: true, // its password
  parse(text) {
    if (!URL.canParse(text) || !spec.protocols.includes(new URL(text).protocol)) {
      throw new Error(`a URL that begins with ${spec.protocols.join('// or ')}//`)
    }
    return text
  },
})

/** Browsers send one in lower case, without its usual port, a path or a closing slash. */
const isOrigin = (text: string): boolean =>
  /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text

/** Half of such a key is public, or it was made for something else. */
const isKeyFile = /-----BEGIN|^\s*\{/
/** Of documentation that was copied. */
const isPlaceholder =
  /(change|replace).?(me|this|it)|your.{0,20}secret|default|example|placeholder|super.?secret|string-secret/i
/** `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`. */
const isAddressOrBlock = (text: string): boolean => {
  const [, address = '', bits] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128)
}

/** So long ago a session may have been revoked of which a token is still good, whatever it is set to now. */
export const accessTtlSecMax = 86_400

const postgresUrl = url({
  default: '',
  protocols: ['postgres:', 'postgresql:'],
  meaning: '',
})

export const settings = {
  HTTP_HOST: {
    default: '0.0.0.0',
    unit: 'address',
    meaning: 'Address that the API listens on. `npm start` uses 127.0.0.1.',
    parse: (text: string) => text,
  },
  HTTP_PORT: wholeNumber({
    default: 8080,
    min: 0,
    max: 65535,
    unit: 'port',
    meaning: 'Port that the API listens on; 0 takes a free one.',
  }),
  HTTP_PORT_PER_PROCESS: oneOf({
    default: 'false',
    choices: ['false', 'true'],
    meaning:
      'true: each process listens on a port of its own, HTTP_PORT, HTTP_PORT + 1, …, for a proxy in front. For uws on macOS, where a shared port is not shared out.',
  }),
  HTTP_ENGINE: oneOf({
    default: 'node',
    choices: ['node', 'uws'],
    meaning: 'HTTP engine: raw `node:http`, or uWebSockets.js.',
  }),
  HTTP_PROCESSES: wholeNumber({
    default: availableParallelism(),
    min: 1,
    max: 1024,
    unit: 'processes',
    meaning: 'Server processes. Default: one per core.',
  }),
  HTTP_HEADERS_TIMEOUT_MS: wholeNumber({
    default: 10_000,
    min: 1_000,
    max: 600_000,
    unit: 'ms',
    meaning:
      'A request whose head is not complete after this gets a 408; so does a silent connection.',
  }),
  HTTP_REQUEST_TIMEOUT_MS: wholeNumber({
    default: 30_000,
    min: 1_000,
    max: 600_000,
    unit: 'ms',
    meaning:
      'A request that is not complete after this gets a 408. At least HTTP_HEADERS_TIMEOUT_MS.',
  }),
  HTTP_KEEP_ALIVE_TIMEOUT_MS: wholeNumber({
    default: 75_000,
    min: 1_000,
    max: 3_600_000,
    unit: 'ms',
    meaning:
      'An idle connection is closed after this. Longer than a proxy in front keeps its own (Nginx: 60 s).',
  }),
  HTTP_WRITE_STALL_TIMEOUT_MS: wholeNumber({
    default: 20_000,
    min: 1_000,
    max: 600_000,
    unit: 'ms',
    meaning: 'A client that takes none of the bytes that wait for it for this long is cut off.',
  }),
  HTTP_HEADER_BYTES_MAX: wholeNumber({
    default: 16_384,
    min: 1_024,
    max: 1_048_576,
    unit: 'bytes',
    meaning: 'Largest head of a request; more is a 431. uWebSockets.js has its own: 4,096.',
  }),
  HTTP_CONNECTIONS_MAX: wholeNumber({
    default: 50_000,
    min: 1,
    max: 10_000_000,
    unit: 'connections',
    meaning:
      'Connections of the whole server, shared out over its processes; more are closed at once.',
  }),
  HTTP_PIPELINE_MAX: wholeNumber({
    default: 16,
    min: 1,
    max: 10_000,
    unit: 'requests',
    meaning:
      'Requests of one connection that may be unanswered; further ones are not read until answers have left. Lists from memory are answered at once. The node engine only: uws closes a connection with two.',
  }),
  HTTP_PENDING_MAX: wholeNumber({
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'requests',
    meaning:
      'Requests that may be unanswered in one process. Past it each connection may have one. A request that is no probe, and does not come from memory, gets a 503.',
  }),
  HTTP_BACKLOG: wholeNumber({
    default: 4_096,
    min: 1,
    max: 65_535,
    unit: 'connections',
    meaning: 'Connections that wait to be accepted; the kernel caps it (net.core.somaxconn).',
  }),
  HTTP_DRAIN_DELAY_MS: wholeNumber({
    default: 5_000,
    min: 0,
    max: 600_000,
    unit: 'ms',
    meaning:
      'On SIGTERM: how long `/ready` says `draining` while all is served as before, so that load balancers turn away. Then, and in a rolling restart, idle connections are kept as long again, to be told `Connection: close`: longer than a proxy in front keeps its own. 0: leaves at once, `npm start` does.',
  }),
  HTTP_DRAIN_TIMEOUT_MS: wholeNumber({
    default: 10_000,
    min: 0,
    max: 600_000,
    unit: 'ms',
    meaning:
      'After HTTP_DRAIN_DELAY_MS: how long requests in flight may take before they are cut, idle connections included.',
  }),
  CORS_ORIGINS: {
    default: '',
    unit: 'origin,… or *',
    meaning:
      'Origins whose web pages may call the API from a browser (CORS), such as `https://app.example`; `*` is all of them.',
    parse(text: string) {
      if (text !== '' && text !== '*' && !text.split(',').every(isOrigin)) {
        throw new Error(
          '*, or origins as browsers spell them, comma separated: https://app.example',
        )
      }
      return text
    },
  },
  TRUSTED_PROXIES: {
    default: '',
    unit: 'address or CIDR,…',
    meaning:
      'Proxies in front whose `X-Forwarded-For` is believed, for limits by address: `10.0.0.7,192.168.0.0/16,fd00::/8`. Without, the client is whoever connects.',
    parse(text: string) {
      if (text !== '' && !text.split(',').every(isAddressOrBlock)) {
        throw new Error('addresses or CIDR blocks, comma separated: 10.0.0.7,192.168.0.0/16')
      }
      return text
    },
  },
  LIMIT_ADDRESS_BURST: wholeNumber({
    default: 100,
    min: 0,
    max: 1_000_000,
    unit: 'requests',
    meaning:
      '`/auth/*` and `/ping`, by client address: what a full bucket allows at once; 0 is off.',
  }),
  LIMIT_ADDRESS_REFILL_SEC: wholeNumber({
    default: 10,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning:
      'In how long an empty bucket of LIMIT_ADDRESS_BURST is full again: 100 in 10 s are 10/s.',
  }),
  LIMIT_USER_REQUESTS: wholeNumber({
    default: 1_000,
    min: 0,
    max: 1_000_000,
    unit: 'requests',
    meaning: '`/api/*`, by user: requests in each LIMIT_USER_WINDOW_SEC; 0 is off.',
  }),
  LIMIT_USER_WINDOW_SEC: wholeNumber({
    default: 3_600,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning: 'The sliding window of LIMIT_USER_REQUESTS.',
  }),
  LIMIT_WRITE_BURST: wholeNumber({
    default: 1_000,
    min: 0,
    max: 1_000_000,
    unit: 'requests',
    meaning: 'Writes to `/todos`, by user: what a full bucket allows at once; 0 is off.',
  }),
  LIMIT_WRITE_REFILL_SEC: wholeNumber({
    default: 10,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning: 'In how long an empty bucket of LIMIT_WRITE_BURST is full again.',
  }),
  LIMIT_READ_BURST: wholeNumber({
    default: 1_000,
    min: 0,
    max: 1_000_000,
    unit: 'requests',
    meaning:
      '`GET /todos/:id`, `/openapi.json` and `/docs`, by client address: what a full bucket allows at once; 0 is off.',
  }),
  LIMIT_READ_REFILL_SEC: wholeNumber({
    default: 10,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning: 'In how long an empty bucket of LIMIT_READ_BURST is full again.',
  }),
  LIMIT_TIMEOUT_MS: wholeNumber({
    default: 50,
    min: 5,
    max: 10_000,
    unit: 'ms',
    meaning:
      'How long a request may wait for Redis to count it, then for Postgres; after that it passes uncounted.',
  }),
  DATABASE_URL: url({
    default: 'postgres://postgres:postgres@localhost:5432/todos',
    protocols: ['postgres:', 'postgresql:'],
    meaning: 'Postgres, or a pooler in front of it: see DATABASE_DIRECT_URL.',
  }),
  DATABASE_DIRECT_URL: {
    default: '',
    unit: 'URL',
    meaning:
      'Postgres itself, where DATABASE_URL leads to a pooler that gives each transaction another session (PgBouncer with `pool_mode = transaction`): for LISTEN and migrations. Empty: DATABASE_URL.',
    isSecret: true,
    parse: (text: string): string => (text === '' ? text : postgresUrl.parse(text)),
  },
  DB_POOL_SIZE: wholeNumber({
    default: 10,
    min: 1,
    max: 10_000,
    unit: 'connections',
    meaning:
      'Postgres connections of the whole server for todos, shared out over its processes (each keeps at least one). Only list misses use them. Accounts have as many besides, but two in each process at most, and one more to listen on.',
  }),
  READ_QUEUE_MAX: wholeNumber({
    default: 256,
    min: 1,
    max: 100_000,
    unit: 'requests',
    meaning:
      "Reads of single todos and of users' pages that may wait for Postgres in one process; more, and more than a quarter of these from one client address or user, get a 503 at once. One client has a quarter of the connections, and others come between its reads.",
  }),
  REDIS_URL: url({
    default: 'redis://localhost:6379/0',
    protocols: ['redis:', 'rediss:'],
    meaning: 'Redis.',
  }),
  REDIS_POOL_SIZE: wholeNumber({
    default: availableParallelism(),
    min: 1,
    max: 10_000,
    unit: 'connections',
    meaning:
      'Redis data connections of the whole server, shared out over its processes (each keeps at least one, besides the one that listens for invalidations). Default: one per core; one connection multiplexes.',
  }),
  CACHE_TTL_SEC: wholeNumber({
    default: 300,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning: 'Lifetime of a list in Redis and in memory, whatever else happens.',
  }),
  LIST_CACHE: oneOf({
    default: 'redis',
    choices: ['redis', 'postgres'],
    meaning:
      'What keeps the lists fresh: Redis, or Postgres LISTEN/NOTIFY with no cache in between.',
  }),
  LIST_REFRESH_INTERVAL_MS: wholeNumber({
    default: 20,
    min: 0,
    max: 60_000,
    unit: 'ms',
    meaning: 'Least time between two refreshes of a list in one process, however fast writes come.',
  }),
  LIST_REFRESH_TIMEOUT_MS: wholeNumber({
    default: 2_000,
    min: 10,
    max: 60_000,
    unit: 'ms',
    meaning:
      'stale-while-revalidate: a refresh that takes longer counts as failed, and the list as stale-if-error.',
  }),
  LIST_STALE_IF_ERROR_SEC: wholeNumber({
    default: 300,
    min: 0,
    max: 86_400,
    unit: 's',
    meaning:
      'stale-if-error: how long a list that cannot be refreshed is still served; after that 503.',
  }),
  LIST_MEMORY_MAX_MB: wholeNumber({
    default: 64,
    min: 1,
    max: 65_536,
    unit: 'MB',
    meaning:
      'Memory for lists in each process: half for the lists and the replies made of them, of which the least recently used go first; a third for what slow clients have not read, of whom those who have waited longest are cut; the rest for copies. Lists that alone take more still have an eighth for replies.',
  }),
  COMMAND_LOG: oneOf({
    default: 'kafka',
    choices: ['kafka', 'postgres'],
    meaning: 'Where commands are published: Kafka, or a table in Postgres.',
  }),
  KAFKA_BROKERS: {
    default: 'localhost:9092',
    unit: 'host:port,…',
    meaning: 'Kafka bootstrap brokers.',
    parse(text: string) {
      if (!/^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$/.test(text))
        throw new Error('host:port, comma separated')
      return text
    },
  },
  KAFKA_TODO_TOPIC: {
    default: 'todo-commands',
    unit: 'topic',
    meaning: 'Topic of the commands (or the name of the log in Postgres).',
    parse(text: string) {
      if (!/^[A-Za-z0-9._-]{1,200}$/.test(text)) throw new Error('letters, digits, dot, _ and -')
      return text
    },
  },
  KAFKA_PARTITIONS: wholeNumber({
    default: 6,
    min: 1,
    max: 1000,
    unit: 'partitions',
    meaning:
      'Partitions of the topic when it is made: the most batches that can be applied at once. An existing topic keeps its own.',
  }),
  KAFKA_REPLICATION_FACTOR: wholeNumber({
    default: 1,
    min: 1,
    max: 10,
    unit: 'replicas',
    meaning: 'Replication factor of the topic when it is made; 3 on a cluster of three or more.',
  }),
  ...kafkaSecuritySettings,
  PUBLISH_QUEUE_MAX: wholeNumber({
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'commands',
    meaning:
      'Commands that may wait for an acknowledgement in one process; more, and more than 32 MB of them, get a 503 at once.',
  }),
  PUBLISH_WAIT_MAX_MS: wholeNumber({
    default: 1_000,
    min: 10,
    max: 60_000,
    unit: 'ms',
    meaning:
      'How long a command may wait for its turn to be sent, or for those before it to be acknowledged, before it gets a 503.',
  }),
  PUBLISH_TIMEOUT_MS: wholeNumber({
    default: 5_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    meaning:
      'How long a publish may go without an acknowledgement before it is answered with a 503.',
  }),
  WORKER_POOL_SIZE: wholeNumber({
    default: 4,
    min: 1,
    max: 1000,
    unit: 'partitions',
    meaning: 'Partitions that one worker applies at once, each on its own Postgres connection.',
  }),
  JWT_SECRET: {
    default: undefined,
    unit: 'at least 32 bytes',
    meaning: 'HS256 secret of the access tokens. Required by the server.',
    isSecret: true,
    requiredBy: ['server'],
    parse(text: string) {
      if (Buffer.byteLength(text) < 32) {
        throw new Error(
          'a secret of at least 32 bytes, such as the output of: openssl rand -hex 32',
        )
      }
      if (isKeyFile.test(text)) {
        throw new Error(
          'a secret, not a key in PEM or JWK, whose public half may be known: openssl rand -hex 32',
        )
      }
      if (isPlaceholder.test(text)) {
        throw new Error('a secret of your own, not an example of one: openssl rand -hex 32')
      }
      return text
    },
  } satisfies Setting<string>,
  AUTH_ACCESS_TTL_SEC: wholeNumber({
    default: 900,
    min: 1,
    max: accessTtlSecMax,
    unit: 's',
    meaning: 'Lifetime of the access tokens of a login.',
  }),
  AUTH_REFRESH_TTL_SEC: wholeNumber({
    default: 30 * 86_400,
    min: 1,
    max: 366 * 86_400,
    unit: 's',
    meaning: 'Lifetime of a login, however often it is refreshed.',
  }),
  AUTH_REFRESH_GRACE_SEC: wholeNumber({
    default: 10,
    min: 0,
    max: 300,
    unit: 's',
    meaning:
      'For so long after a refresh token was used it may be used again, for the same successor: two tabs, or a lost reply. Later the login is revoked.',
  }),
  AUTH_BCRYPT_COST: wholeNumber({
    default: 12,
    min: 4,
    max: 15,
    unit: 'log2 rounds',
    meaning:
      "Cost of a password's hash; one more doubles it. Hashes with a lower cost are replaced at the next login.",
  }),
  AUTH_PASSWORD_QUEUE_MAX: wholeNumber({
    default: 16,
    min: 1,
    max: 10_000,
    unit: 'passwords',
    meaning:
      'Passwords that may wait to be hashed in one process, which hashes one at a time; more, and more than a quarter of these from one client address, get a 503.',
  }),
  AUTH_PASSWORD_WAIT_MAX_MS: wholeNumber({
    default: 10_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    meaning: 'A password that is not hashed after this, for others or for reads, gets a 503.',
  }),
  METRICS_PORT: portOrOff({
    default: 9464,
    meaning:
      "Port of the server's `/metrics`, on HTTP_HOST; 0 takes a free one and logs it, off opens none.",
  }),
  WORKER_METRICS_PORT: portOrOff({
    default: 9465,
    meaning:
      "Port of a worker's `/metrics` and `/health`, on HTTP_HOST. A second worker on a machine needs another: 0 takes a free one and logs it, off opens none.",
  }),
  DATA_DIR: {
    default: '.data',
    unit: 'directory',
    meaning: 'Where `npm start` keeps its Postgres and its secret.',
    parse: (text: string) => text,
  },
  LOG_LEVEL: oneOf({
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    meaning: 'Least severe log line that is written.',
  }),
} as const satisfies Record<string, Setting<string | number>>

type ValueOf<S> = S extends { parse: (text: string) => infer Value } ? Value : never
/** Each setting under its own name; `undefined` only where there is neither a value nor a default. */
export type Config = {
  readonly [Name in keyof typeof settings]: (typeof settings)[Name] extends { default: undefined }
    ? ValueOf<(typeof settings)[Name]> | undefined
    : ValueOf<(typeof settings)[Name]>
}

/** One wrong setting a line; each line names the setting and what to set. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * The settings that `env` gives, the defaults elsewhere.
 * Throws ConfigError with every fault at once. A variable that nearly spells a setting is a fault
 * too: an operator's `DB_POOLSIZE=50` that silently does nothing costs a day.
 */
export const readConfig = (env: NodeJS.ProcessEnv, role: Role): Config => {
  const faults: string[] = []
  const values: Record<string, string | number | undefined> = {}
  for (const [name, setting] of Object.entries<Setting<string | number | undefined>>(settings)) {
    const text = env[name]
    values[name] = setting.default
    if (text === undefined || text === '') {
      if (setting.requiredBy?.includes(role)) {
        faults.push(`${name} is not set: set it to ${expected(setting)}`)
      }
      continue
    }
    try {
      values[name] = setting.parse(text)
    } catch (error) {
      // This line ends up in logs: no secrets in it, and no line ends.
      const shown = setting.isSecret
        ? `${Buffer.byteLength(text)} bytes long`
        : JSON.stringify(text)
      faults.push(`${name} is ${shown}: set it to ${(error as Error).message}`)
    }
  }
  if (Number(values['HTTP_REQUEST_TIMEOUT_MS']) < Number(values['HTTP_HEADERS_TIMEOUT_MS'])) {
    faults.push(
      `HTTP_REQUEST_TIMEOUT_MS is ${values['HTTP_REQUEST_TIMEOUT_MS']}: set it to HTTP_HEADERS_TIMEOUT_MS (${values['HTTP_HEADERS_TIMEOUT_MS']}) or more`,
    )
  }
  if (values['METRICS_PORT'] === values['HTTP_PORT'] && values['HTTP_PORT'] !== 0) {
    faults.push(
      `METRICS_PORT is ${values['METRICS_PORT']}, which is HTTP_PORT: set one of them to another`,
    )
  }
  if (values['HTTP_PORT_PER_PROCESS'] === 'true') {
    const first = Number(values['HTTP_PORT'])
    if (first === 0 || first + Number(values['HTTP_PROCESSES']) - 1 > 65_535) {
      faults.push(
        `HTTP_PORT is ${first}: with HTTP_PORT_PER_PROCESS set it to the first of ${values['HTTP_PROCESSES']} ports`,
      )
    }
  }
  // Of a setting that is at fault itself, its line is enough.
  if (!faults.some((fault) => fault.startsWith('KAFKA_')))
    faults.push(...kafkaSecurityFaults(values))
  for (const name of Object.keys(env)) {
    if (name in settings) continue
    const meant =
      Object.keys(settings).find((known) => isNearly(name, known)) ?? meantOfKafka(name, env[name])
    if (meant) faults.push(`${name} is not a setting: did you mean ${meant}?`)
  }
  if (faults.length > 0) throw new ConfigError(faults.join('\n'))
  return values as unknown as Config
}

/** For the top of a program: the settings, or the faults on stderr and exit code 1. */
export const readConfigOrExit = (role: Role): Config => {
  try {
    return readConfig(process.env, role)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

const expected = (setting: Setting<unknown>) => {
  try {
    setting.parse('')
  } catch (error) {
    return (error as Error).message
  }
  return setting.unit
}

/** True when one insertion, deletion, substitution or swap of neighbours makes `a` into `b`. */
const isNearly = (a: string, b: string): boolean => {
  if (Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  const restA = a.slice(start)
  const restB = b.slice(start)
  return (
    restA.slice(1) === restB.slice(1) ||
    restA.slice(1) === restB ||
    restA === restB.slice(1) ||
    (restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2))
  )
}

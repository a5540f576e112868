// Every setting of the project in one typed table, and the only place that reads the environment.
// docs/reference/settings.md and .env.example are printed from it.

import { accountSettings } from './accounts.ts'
import { grpcSettings } from './grpc.ts'
import { httpSettings } from './http.ts'
import { kafkaSecurityFaults, kafkaSecuritySettings } from './kafka-security.ts'
import { kafkaSettings } from './kafka.ts'
import { limitSettings } from './limits.ts'
import { liveSettings } from './live.ts'
import { listSettings } from './lists.ts'
import { mailSettings } from './mail.ts'
import { isServiceLink, meantBy } from './names.ts'
import { postgresSettings } from './postgres.ts'
import { processSettings } from './process.ts'
import { redisSettings, redisUrlOfParts } from './redis.ts'
import { relationFaults } from './relations.ts'
import { secretText } from './secret-file.ts'
import { shareSettings } from './shares.ts'
import type { Role, Setting } from './table.ts'
import { teamSettings } from './teams.ts'
import { traceSettings } from './traces.ts'
import { workerSettings } from './worker.ts'
import { writeSettings } from './writes.ts'

/** In the order of the docs. */
export const settings = {
  ...httpSettings,
  ...grpcSettings,
  ...limitSettings,
  ...postgresSettings,
  ...redisSettings,
  ...listSettings,
  ...kafkaSettings,
  ...kafkaSecuritySettings,
  ...writeSettings,
  ...workerSettings,
  ...accountSettings,
  ...mailSettings,
  ...teamSettings,
  ...shareSettings,
  ...liveSettings,
  ...processSettings,
  ...traceSettings,
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
  let hasRedisUrl = false
  for (const [name, setting] of Object.entries<Setting<string | number | undefined>>(settings)) {
    values[name] = setting.default
    const given = setting.isSecret
      ? secretText(name, env)
      : { kind: 'value' as const, text: env[name] }
    if (given.kind === 'fault') {
      faults.push(given.line)
      continue
    }
    const { text } = given
    // A Kubernetes service called `http` sets HTTP_PORT to tcp://10.0.0.1:80.
    if (text !== undefined && name.endsWith('_PORT') && isServiceLink(name, text)) continue
    if (name === 'REDIS_URL') hasRedisUrl = Boolean(text)
    if (text === undefined || text === '') {
      if (setting.requiredBy?.includes(role)) {
        faults.push(`${name} is not set: set it to ${valuesOf(setting)}`)
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
  if (!hasRedisUrl) values['REDIS_URL'] = redisUrlOfParts(values)
  faults.push(...relationFaults(values))
  // A setting that is at fault itself needs one line only.
  if (!faults.some((fault) => fault.startsWith('KAFKA_')))
    faults.push(...kafkaSecurityFaults(values))
  for (const name of Object.keys(env)) {
    if (name in settings || secretFiles.includes(name)) continue
    const meant = meantBy(name, env, knownNames)
    if (meant) faults.push(`${name} is not a setting: did you mean ${meant}?`)
  }
  if (faults.length > 0) throw new ConfigError(faults.join('\n'))
  return values as unknown as Config
}

const secretFiles = Object.entries<Setting<string | number | undefined>>(settings)
  .filter(([, setting]) => setting.isSecret)
  .map(([name]) => `${name}_FILE`)
const knownNames = [...Object.keys(settings), ...secretFiles]

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

/** What it may be set to, in words. */
export const valuesOf = (setting: Setting<unknown>): string => {
  try {
    setting.parse('')
  } catch (error) {
    return (error as Error).message
  }
  return setting.unit
}

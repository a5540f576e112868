// Where a program is about to write, in words that hold no secret, and whether a setting named it. What
// nobody named is the default: whatever listens on the usual port of this machine.

import type { Config } from './config.ts'
import { parsePostgresUrl } from './postgres-url.ts'
import { shardsIn } from './shard-urls.ts'

export type Target = {
  readonly text: string
  /** The setting that names it. */
  readonly setting: string
  readonly isGiven: boolean
}

/** What `DATABASE_URL` leads to; `DATABASE_DIRECT_URL`, where that is set and `isDirect`. */
export const databaseTarget = (
  config: Config,
  env: NodeJS.ProcessEnv,
  { isDirect = false }: { readonly isDirect?: boolean } = {},
): Target => {
  const setting = isDirect && config.DATABASE_DIRECT_URL ? 'DATABASE_DIRECT_URL' : 'DATABASE_URL'
  return { text: databaseText(config[setting], env), setting, isGiven: isGiven(setting, env) }
}

/** Where DATABASE_SHARDS leads to, one for each. */
export const shardTargets = (config: Config, env: NodeJS.ProcessEnv): Target[] =>
  shardsIn(config.DATABASE_SHARDS).map(({ name, url }) => ({
    text: `the shard ${name}, ${databaseText(url, env)}`,
    setting: 'DATABASE_SHARDS',
    isGiven: true,
  }))

/** The log of the commands. In Postgres it is a table of the same database. */
export const commandLogTarget = (config: Config, env: NodeJS.ProcessEnv): Target | undefined =>
  config.COMMAND_LOG === 'kafka'
    ? {
        text: `topic ${config.KAFKA_TODO_TOPIC} of Kafka at ${config.KAFKA_BROKERS}`,
        setting: 'KAFKA_BROKERS',
        isGiven: isGiven('KAFKA_BROKERS', env),
      }
    : undefined

/** `postgres://user@host:5432/database`: without the password and the parameters, which may hold one. */
export const databaseText = (url: string, env: NodeJS.ProcessEnv): string => {
  const target = parsePostgresUrl(url)
  const user = target.user ?? env['PGUSER'] ?? env['USER'] ?? 'postgres'
  const database = target.database ?? env['PGDATABASE'] ?? user
  const places = target.hosts.map(({ host, port }) => ({
    host: host ?? env['PGHOST'] ?? 'localhost',
    port: port ?? Number(env['PGPORT'] || 5432),
  }))
  const [{ host } = { host: '' }] = places
  if (places.length === 1 && host.startsWith('/')) {
    return `postgres://${user}@/${database} (socket in ${host})`
  }
  const text = places.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`)
  return `postgres://${user}@${text.join(',')}/${database}`
}

const isGiven = (setting: string, env: NodeJS.ProcessEnv): boolean =>
  Boolean(env[setting] || env[`${setting}_FILE`])

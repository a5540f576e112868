// The arguments of `npm run services`: which port each service gets, where the usual one will not do.

import { parseOptions, UsageError } from './command-line.ts'

export const usualPorts = {
  POSTGRES: 5432,
  REDIS: 6379,
  KAFKA: 9092,
  NGINX_HTTP: 8088,
  NGINX_STREAM: 8089,
} as const

/** SERVER is not started here: Nginx passes requests on to it. */
const names = [...Object.keys(usualPorts), 'SERVER'] as readonly (
  | keyof typeof usualPorts
  | 'SERVER'
)[]

export type Ports = Readonly<Partial<Record<keyof typeof usualPorts | 'SERVER', number>>>

/** `ha`: of what can be replicated, as many as survive the loss of one. */
export type Profile = 'single' | 'ha'

/** How the replicated Redis finds a new master. */
export type RedisKind = 'sentinel' | 'cluster'

export type Asked = {
  readonly profile: Profile
  readonly redis: RedisKind
  readonly ports: Ports
}

export const servicesUsage = `usage: npm run services [-- [--profile ha [--redis cluster]] [--ports NAME=PORT,…]]
Starts Postgres, Redis, Kafka and Nginx on this machine, and prints the environment for server and worker.
  --profile ha      replicated ones: three Kafka brokers with a controller of their own, Redis with Sentinels,
                    Postgres with Patroni where that and etcd are on this machine. Their data is apart.
  --redis cluster   a Redis Cluster of six nodes in place of Sentinels; only with --profile ha
  --ports KAFKA=9192,REDIS=6380   of ${names.join(', ')}
Without ports, each takes its usual one, or the next that is free:
${Object.entries(usualPorts)
  .map(([name, port]) => `  ${name}=${port}`)
  .join('\n')}
SERVER is where Nginx finds the server: HTTP_PORT, unless it is given. Ctrl-C stops all; the data stays.
Exit codes: 0 stopped, 1 failed, 2 wrong usage.`

/** Throws UsageError. */
export const parseServices = (args: readonly string[]): Asked => {
  const { values } = parseOptions(args, {
    profile: { type: 'string' },
    redis: { type: 'string' },
    ports: { type: 'string' },
  })
  const { profile = 'single', redis = 'sentinel' } = values
  if (profile !== 'single' && profile !== 'ha') {
    throw new UsageError(`--profile ${profile} is not single or ha`)
  }
  if (redis !== 'sentinel' && redis !== 'cluster') {
    throw new UsageError(`--redis ${redis} is not sentinel or cluster`)
  }
  if (values.redis !== undefined && profile !== 'ha') {
    throw new UsageError('--redis needs --profile ha')
  }
  const ports: Partial<Record<keyof typeof usualPorts | 'SERVER', number>> = {}
  for (const pair of values.ports?.split(',') ?? []) {
    const [, given = '', digits = ''] = /^(\w+)=(\d{1,5})$/.exec(pair.trim()) ?? []
    const name = names.find((one) => one === given)
    const port = Number(digits)
    if (name === undefined || port < 1 || port > 65_535) {
      throw new UsageError(`--ports "${pair}" is not NAME=PORT with a name of ${names.join(', ')}`)
    }
    if (ports[name] !== undefined) throw new UsageError(`--ports has ${name} twice`)
    if (Object.values(ports).includes(port)) throw new UsageError(`--ports has ${port} twice`)
    ports[name] = port
  }
  return { profile, redis, ports }
}

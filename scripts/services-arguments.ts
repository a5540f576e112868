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
  keyof typeof usualPorts | 'SERVER'
)[]

export type Ports = Readonly<Partial<Record<keyof typeof usualPorts | 'SERVER', number>>>

export const servicesUsage = `usage: npm run services [-- --ports NAME=PORT,…]
Starts Postgres, Redis, Kafka and Nginx on this machine, and prints the environment for server and worker.
  --ports KAFKA=9192,REDIS=6380   of ${names.join(', ')}
Without, each takes its usual port, or the next one that is free:
${Object.entries(usualPorts)
  .map(([name, port]) => `  ${name}=${port}`)
  .join('\n')}
SERVER is where Nginx finds the server: HTTP_PORT, unless it is given. Ctrl-C stops all; the data stays.
Exit codes: 0 stopped, 1 failed, 2 wrong usage.`

/** Throws UsageError. */
export const parseServices = (args: readonly string[]): Ports => {
  const { values } = parseOptions(args, { ports: { type: 'string' } })
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
  return ports
}

// `npm run services`: the real Postgres, Redis, Kafka and Nginx on this machine, without containers.
// Prints the environment that the server and the worker need, and stays until Ctrl-C.

import { chmodSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readConfigOrExit } from '../lib/runtime/config/config.ts'
import { readArgumentsOrExit } from './command-line.ts'
import { embeddedSecret } from './embedded-secret.ts'
import { parseServices, servicesUsage, usualPorts, type Ports } from './services-arguments.ts'
import { startKafka } from './stack/kafka.ts'
import { startNginx } from './stack/nginx.ts'
import { isFree, loopback, nextFreePort } from './stack/ports.ts'
import { passwordFileIn } from './stack/postgres-access.ts'
import { startPostgres } from './stack/postgres.ts'
import { startRedis } from './stack/redis.ts'
import type { Service } from './stack/service.ts'

const data = join(dirname(fileURLToPath(import.meta.url)), '../.data/services')
/** It holds the passwords. */
const secretMode = 0o600
const environmentFile = join(data, 'environment')
// SIGHUP: the services are in no terminal's process group, closing theirs would leave them running.
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Where calls find no server as long as GRPC_PORT is off. */
const usualGrpcPorts = { http: 8090, stream: 8091 } as const

type Placed = { readonly directory: string; readonly port: number }
/** Nginx has a port of gRPC too. */
type Start = (place: Placed) => Promise<Service & { readonly grpcPort?: number }>
type Planned = {
  readonly name: keyof typeof usualPorts
  readonly folder: string
  readonly start: Start
}

/** In this order: Postgres knows best how to say that another one of us is running. */
const servicesFor = (
  upstreams: readonly string[],
  grpcUpstreams: readonly string[],
): readonly Planned[] => [
  { name: 'POSTGRES', folder: 'postgres', start: startPostgres },
  { name: 'REDIS', folder: 'redis', start: startRedis },
  { name: 'KAFKA', folder: 'kafka', start: startKafka },
  {
    name: 'NGINX_HTTP',
    folder: 'nginx-http',
    start: async (place) =>
      startNginx({
        ...place,
        mode: 'http',
        grpcPort: await nextFreePort(usualGrpcPorts.http),
        upstreams,
        grpcUpstreams,
      }),
  },
  {
    name: 'NGINX_STREAM',
    folder: 'nginx-stream',
    start: async (place) =>
      startNginx({
        ...place,
        mode: 'stream',
        grpcPort: await nextFreePort(usualGrpcPorts.stream),
        upstreams,
        grpcUpstreams,
      }),
  },
]

const main = async (ports: Ports) => {
  const config = readConfigOrExit('script')
  const serverPort = ports.SERVER ?? config.HTTP_PORT
  // With a port for each process they follow each other.
  const serverPorts = config.HTTP_PORT_PER_PROCESS === 'true' ? config.HTTP_PROCESSES : 1
  const upstreams = Array.from(
    { length: serverPorts },
    (_, index) => `${loopback}:${serverPort + index}`,
  )
  const { GRPC_PORT: grpcPort } = config
  const services = servicesFor(upstreams, grpcPort === 'off' ? [] : [`${loopback}:${grpcPort}`])
  for (const { name } of services) {
    const port = ports[name]
    if (port === undefined || (await isFree(port))) continue
    process.stderr.write(
      `port ${port} is in use: stop what listens there, or give ${name} another\n`,
    )
    process.exitCode = 1
    return
  }
  const running: Service[] = []
  let stopping = false
  const stopAsked = new Promise<void>((resolve) => {
    for (const signal of stopSignals) {
      process.on(signal, () => {
        stopping = true
        resolve()
      })
    }
  })
  const stopAll = async () => {
    stopping = true
    for (const service of running.reverse()) await service.stop()
  }

  try {
    for (const { name, folder, start } of services) {
      if (stopping) break
      const usualPort = ports[name] ?? usualPorts[name]
      const port = ports[name] ?? (await nextFreePort(usualPort))
      const service = await start({ directory: join(data, folder), port })
      running.push(service)
      const moved = port === usualPort ? '' : `  (${usualPort} is in use)`
      const grpc = service.grpcPort === undefined ? '' : `  gRPC on ${service.grpcPort}`
      say(`${service.name.padEnd(14)}${service.url}${moved}${grpc}`)
      void service.exited.then((how) => {
        if (!stopping) say(`${service.name} exited (${how}), see ${service.logFile}`)
      })
    }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    await stopAll()
    process.exitCode = 1
    return
  }

  const secret = config.JWT_SECRET ?? embeddedSecret(data)
  if (!stopping)
    say(
      guide(
        running,
        {
          JWT_SECRET: secret,
          HTTP_PORT: String(serverPort),
          ...(grpcPort !== 'off' && { GRPC_PORT: String(grpcPort) }),
        },
        upstreams,
      ),
    )
  const stayAwake = setInterval(() => {}, 60_000)
  await stopAsked
  clearInterval(stayAwake)
  await stopAll()
  say('stopped')
}

const guide = (
  running: readonly Service[],
  settings: Readonly<Record<string, string>>,
  upstreams: readonly string[],
): string => {
  const urlOf = (name: string) => running.find((service) => service.name === name)?.url ?? ''
  const environment = {
    DATABASE_URL: urlOf('postgres'),
    REDIS_URL: urlOf('redis'),
    KAFKA_BROKERS: urlOf('kafka'),
    ...settings,
  }
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${value}`)
  writeFileSync(environmentFile, `${exports.join('\n')}\n`, { mode: secretMode })
  chmodSync(environmentFile, secretMode) // of a file that was there already, too
  return `
The environment to use, in every terminal (or: source ${relative('', environmentFile)})

${exports.join('\n')}

The password of Postgres is random, and kept in ${relative('', passwordFileIn(join(data, 'postgres/data')))}

Then:

npm run migrate
npm run seed
npm run server       # Nginx passes requests on to ${upstreams.join(', ')}
npm run worker

Ctrl-C stops them all.`
}

const say = (line: string) => process.stdout.write(`${line}\n`)

await main(readArgumentsOrExit(servicesUsage, parseServices))

// `npm run services`: the real Postgres, Redis, Kafka and Nginx on this machine, without containers.
// Prints the environment that the server and the worker need, and stays until Ctrl-C.

import { chmodSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readConfigOrExit } from '../lib/runtime/config/config.ts'
import { archiveIn } from './backup/places.ts'
import { readArgumentsOrExit } from './command-line.ts'
import { embeddedSecret } from './embedded-secret.ts'
import { parseServices, servicesUsage, usualPorts, type Asked } from './services-arguments.ts'
import { storesOf, type Launch } from './services-profiles.ts'
import { startNginx } from './stack/nginx.ts'
import { isFree, loopback, nextFreePort } from './stack/ports.ts'
import type { Service } from './stack/service.ts'

const data = join(dirname(fileURLToPath(import.meta.url)), '../.data/services')
/** It holds the passwords. */
const secretMode = 0o600
const environmentFile = join(data, 'environment')
// SIGHUP: the services are in no terminal's process group, closing theirs would leave them running.
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Where calls find no server as long as GRPC_PORT is off. */
const usualGrpcPorts = { http: 8090, stream: 8091 } as const

type Name = keyof typeof usualPorts

const nginx = (mode: keyof typeof usualGrpcPorts, upstreams: Upstreams): Launch => ({
  folder: `nginx-${mode}`,
  start: async (place) =>
    startNginx({
      ...place,
      mode,
      grpcPort: await nextFreePort(usualGrpcPorts[mode]),
      ...upstreams,
    }),
})

type Upstreams = {
  readonly upstreams: readonly string[]
  readonly grpcUpstreams: readonly string[]
}

const main = async (asked: Asked) => {
  const { ports } = asked
  const config = readConfigOrExit('script')
  const serverPort = ports.SERVER ?? config.HTTP_PORT
  // With a port for each process they follow each other.
  const serverPorts = config.HTTP_PORT_PER_PROCESS === 'true' ? config.HTTP_PROCESSES : 1
  const upstreams = Array.from(
    { length: serverPorts },
    (_, index) => `${loopback}:${serverPort + index}`,
  )
  const { GRPC_PORT: grpcPort } = config
  const grpcUpstreams = grpcPort === 'off' ? [] : [`${loopback}:${grpcPort}`]
  const { stores, remarks } = await storesOf(asked)
  const launches: Readonly<Record<Name, Launch>> = {
    ...stores,
    NGINX_HTTP: nginx('http', { upstreams, grpcUpstreams }),
    NGINX_STREAM: nginx('stream', { upstreams, grpcUpstreams }),
  }
  const names = Object.keys(launches) as Name[]
  for (const name of names) {
    const port = ports[name]
    if (port === undefined || (await isFree(port))) continue
    process.stderr.write(
      `port ${port} is in use: stop what listens there, or give ${name} another\n`,
    )
    process.exitCode = 1
    return
  }
  const running: Service[] = []
  const found: Record<string, string> = {}
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
    for (const name of names) {
      if (stopping) break
      const { folder, start, environment } = launches[name]
      const usualPort = ports[name] ?? usualPorts[name]
      const port = ports[name] ?? (await nextFreePort(usualPort))
      const directory = join(data, folder)
      const service = await start({ directory, port, archiveDirectory: archiveIn(config) })
      const processes = 'processes' in service ? service.processes : [service]
      running.push(...processes)
      Object.assign(found, environment?.(service.url))
      const moved = port === usualPort ? '' : `  (${usualPort} is in use)`
      const grpc = 'grpcPort' in service ? `  gRPC on ${service.grpcPort}` : ''
      say(`${service.name.padEnd(14)}${service.url}${moved}${grpc}`)
      if ('processes' in service) for (const one of processes) say(lineOf(one))
      for (const one of processes) {
        void one.exited.then((how) => {
          if (!stopping) say(`${one.name} exited (${how}), see ${one.logFile}`)
        })
      }
    }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    await stopAll()
    process.exitCode = 1
    return
  }

  for (const remark of remarks) say(remark)
  const secret = config.JWT_SECRET ?? embeddedSecret(data)
  if (!stopping)
    say(
      guide(
        {
          ...found,
          JWT_SECRET: secret,
          HTTP_PORT: String(serverPort),
          ...(grpcPort !== 'off' && { GRPC_PORT: String(grpcPort) }),
        },
        upstreams,
        stores.POSTGRES.folder,
      ),
    )
  const stayAwake = setInterval(() => {}, 60_000)
  await stopAsked
  clearInterval(stayAwake)
  await stopAll()
  say('stopped')
}

/** What somebody needs who wants to see it fail over. */
const lineOf = ({ name, port, pid }: Service): string =>
  `  ${name.padEnd(20)}port ${String(port).padEnd(8)}pid ${pid}`

const guide = (
  environment: Readonly<Record<string, string>>,
  upstreams: readonly string[],
  postgresFolder: string,
): string => {
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${value}`)
  writeFileSync(environmentFile, `${exports.join('\n')}\n`, { mode: secretMode })
  chmodSync(environmentFile, secretMode) // of a file that was there already, too
  return `
The environment to use, in every terminal (or: source ${relative('', environmentFile)})

${exports.join('\n')}

The password of Postgres is random, and kept in ${relative('', join(data, postgresFolder))}

Then:

npm run migrate
npm run seed
npm run server       # Nginx passes requests on to ${upstreams.join(', ')}
npm run worker

Ctrl-C stops them all.`
}

const say = (line: string) => process.stdout.write(`${line}\n`)

await main(readArgumentsOrExit(servicesUsage, parseServices))

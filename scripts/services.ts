// `npm run services`: the real Postgres, Redis, Kafka and Nginx on this machine, without containers.
// Prints the environment that the server and the worker need, and stays until Ctrl-C.

import { randomBytes } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startKafka } from './stack/kafka.ts'
import { startNginx } from './stack/nginx.ts'
import { nextFreePort } from './stack/ports.ts'
import { passwordFileIn } from './stack/postgres-access.ts'
import { startPostgres } from './stack/postgres.ts'
import { startRedis } from './stack/redis.ts'
import type { Service } from './stack/service.ts'

const data = join(dirname(fileURLToPath(import.meta.url)), '../.data/services')
/** It holds the passwords. */
const secretMode = 0o600
const environmentFile = join(data, 'environment')
const upstreams = ['127.0.0.1:8080']
// SIGHUP: the services are in no terminal's process group, closing theirs would leave them running.
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

type Placed = { readonly directory: string; readonly port: number }
type Start = (place: Placed) => Promise<Service>

// In this order: Postgres knows best how to say that another one of us is running.
const services: readonly { folder: string; usualPort: number; start: Start }[] = [
  { folder: 'postgres', usualPort: 5432, start: startPostgres },
  { folder: 'redis', usualPort: 6379, start: startRedis },
  { folder: 'kafka', usualPort: 9092, start: startKafka },
  {
    folder: 'nginx-http',
    usualPort: 8088,
    start: (place) => startNginx({ ...place, mode: 'http', upstreams: upstreams }),
  },
  {
    folder: 'nginx-stream',
    usualPort: 8089,
    start: (place) => startNginx({ ...place, mode: 'stream', upstreams: upstreams }),
  },
]

const main = async () => {
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
    for (const { folder, usualPort, start } of services) {
      if (stopping) break
      const port = await nextFreePort(usualPort)
      const service = await start({ directory: join(data, folder), port })
      running.push(service)
      const moved = port === usualPort ? '' : `  (${usualPort} is in use)`
      say(`${service.name.padEnd(14)}${service.url}${moved}`)
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

  if (!stopping) say(guide(running))
  const stayAwake = setInterval(() => {}, 60_000)
  await stopAsked
  clearInterval(stayAwake)
  await stopAll()
  say('stopped')
}

const guide = (running: readonly Service[]): string => {
  const urlOf = (name: string) => running.find((service) => service.name === name)?.url ?? ''
  const environment = {
    DATABASE_URL: urlOf('postgres'),
    REDIS_URL: urlOf('redis'),
    KAFKA_BROKERS: urlOf('kafka'),
    JWT_SECRET: randomBytes(32).toString('hex'),
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
npm run server
npm run worker

Ctrl-C stops them all.`
}

const say = (line: string) => process.stdout.write(`${line}\n`)

await main()

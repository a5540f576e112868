// npm start: the whole product on a machine with nothing but Node. A real Postgres from npm holds
// the todos and the command log and carries the invalidations; nothing listens beyond loopback.

import '../lib/runtime/node-version.ts' // first: it refuses a Node that is too old
import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigError, readConfig, type Config } from '../lib/runtime/config/config.ts'
import { signToken } from '../lib/accounts/access-token.ts'
import { connectionsNeeded } from '../lib/drivers/postgres/budget.ts'
import { migrate } from '../lib/drivers/postgres/migrate.ts'
import { archiveIn } from './backup/places.ts'
import { takeNoArguments } from './command-line.ts'
import { embeddedSecret } from './embedded-secret.ts'
import { buildPageIfMissing } from './page.ts'
import { migrationsDirectory, repository } from './paths.ts'
import { isSeeded, progressBar, seed, seedCountDefault } from './seed.ts'
import { isFree } from './stack/ports.ts'
import { passwordFileIn } from './stack/postgres-access.ts'
import { startPostgres } from './stack/postgres.ts'
import type { Service } from './stack/service.ts'

const host = '127.0.0.1'
/** It is ours: a machine with many cores needs more than Postgres' own default. */
const maxConnectionsMin = 100
/** For psql, and for those that Postgres keeps for superusers. */
const othersMax = 10
const tokenTtlSec = 30 * 86_400

type Ready = {
  readonly port?: number
  readonly metricsPort?: number
  readonly grpcPort?: number
}
type Child = {
  readonly name: string
  readonly process: ChildProcess
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals | null>
}

const main = async () => {
  const startedMs = performance.now()
  // Before anything is written: a wrong setting must leave no trace.
  const { DATA_DIR, JWT_SECRET } = readConfig(
    embeddedEnvironment('postgres://unknown.yet'),
    'script',
  )
  const secret = JWT_SECRET ?? secretIn(DATA_DIR)
  const environmentFor = (databaseUrl: string) => embeddedEnvironment(databaseUrl, secret)
  const config = readConfig(environmentFor('postgres://unknown.yet'), 'server')
  for (const name of ['HTTP_PORT', 'GRPC_PORT', 'METRICS_PORT', 'WORKER_METRICS_PORT'] as const) {
    const port = config[name]
    if (port === 'off' || (await isFree(port))) continue
    throw new StartFailure(
      `port ${port} is in use: stop what listens there, or set ${name} to another`,
    )
  }
  for (const name of notUsed) {
    if (process.env[name] || process.env[`${name}_FILE`])
      console.log(`${name} is not used by npm start: it is for npm run server`)
  }
  const running: { postgres?: Service; children: Child[] } = { children: [] }
  const stop = stopper(running)
  process.on('SIGINT', () => stop(0))
  process.on('SIGTERM', () => stop(0))

  try {
    const directory = join(DATA_DIR, 'postgres')
    const postgres = await step(`Postgres, with its data in ${directory}`, () =>
      startPostgres({
        directory,
        maxConnections: Math.max(maxConnectionsMin, connectionsNeeded(config) + othersMax),
        archiveDirectory: archiveIn(config),
      }),
    )
    running.postgres = postgres
    const { url } = postgres
    await step('its tables', () => migrate(url, migrationsDirectory))
    if (!(await isSeeded(url))) {
      const seedingMs = performance.now()
      await seed(
        { databaseUrl: url, count: seedCountDefault },
        progressBar('seeding', seedCountDefault),
      )
      console.log(`todos to read ... ${secondsSince(seedingMs)}`)
    }
    const environment = environmentFor(url)
    const started = [
      startChild('worker/main.ts', environment),
      startChild('server/main.ts', environment),
    ]
    for (const { child } of started) running.children.push(child)
    const [worker, server] = await step(
      `worker and server (${config.HTTP_PROCESSES} processes)`,
      () => Promise.all(started.map((one) => one.ready)),
    )
    for (const { name, exited } of [
      ...started.map(({ child }) => child),
      { name: 'postgres', exited: postgres.exited },
    ]) {
      void exited.then((how) => {
        if (!stop.isInFlight()) console.error(`${name} ended (${how}): stopping`)
        stop(1)
      })
    }
    const metricsPorts = [server, worker].map((ready) => ready?.metricsPort)
    const tookMs = Math.round(performance.now() - startedMs)
    greet(config, server ?? {}, postgres.port, metricsPorts, tookMs)
    // Last, so that the API is up at once; whoever opens the page sooner is told to wait.
    if (config.PAGE_DIRECTORY === '') buildPage(running, stop)
  } catch (error) {
    if (stop.isInFlight()) return
    console.error((error as Error).message)
    stop(1)
  }
}

const buildPage = (running: { children: Child[] }, stop: ReturnType<typeof stopper>) => {
  const build = buildPageIfMissing()
  if (!build) return
  const { process: child, failure } = build
  running.children.push({ name: 'page', process: child, exited: failure.then(() => null) })
  void failure.then((reason) => {
    if (reason === undefined || stop.isInFlight()) return
    console.error(`there is no page at /app, for it can't be built (${reason}): npm run build:web`)
  })
}

/** Names what is being done, then how long it took: silence looks like a fault. */
const step = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  const startedMs = performance.now()
  process.stdout.write(`${what} ...`)
  try {
    const result = await work()
    process.stdout.write(` ${secondsSince(startedMs)}\n`)
    return result
  } catch (error) {
    process.stdout.write(' failed\n')
    throw error
  }
}

const secondsSince = (startedMs: number): string =>
  `${((performance.now() - startedMs) / 1_000).toFixed(1)} s`

class StartFailure extends Error {}

const secretIn = (directory: string): string => {
  try {
    return embeddedSecret(directory)
  } catch (error) {
    throw new StartFailure(
      `DATA_DIR is no directory to write to (${(error as Error).message}): set it to another`,
    )
  }
}

const notUsed = [
  'DATABASE_URL',
  'DATABASE_DIRECT_URL',
  'DATABASE_REPLICA_URLS',
  'DATABASE_SHARDS',
  'REDIS_URL',
  'KAFKA_BROKERS',
] as const

const embeddedEnvironment = (databaseUrl: string, secret?: string): NodeJS.ProcessEnv => ({
  LOG_LEVEL: 'warn',
  HTTP_DRAIN_DELAY_MS: '0', // no load balancer is in front: Ctrl-C is quick
  ...process.env,
  DATABASE_URL: databaseUrl,
  DATABASE_URL_FILE: '',
  DATABASE_DIRECT_URL: '',
  DATABASE_DIRECT_URL_FILE: '',
  DATABASE_REPLICA_URLS: '',
  DATABASE_REPLICA_URLS_FILE: '',
  DATABASE_SHARDS: '',
  DATABASE_SHARDS_FILE: '',
  COMMAND_LOG: 'postgres',
  LIST_CACHE: 'postgres',
  HTTP_HOST: host,
  ...(secret !== undefined && { JWT_SECRET: secret, JWT_SECRET_FILE: '' }),
})

/** A process group of its own: a terminal's Ctrl-C is for this script, which stops all in order. */
const startChild = (script: string, env: NodeJS.ProcessEnv) => {
  const child = fork(fileURLToPath(new URL(script, repository)), { env, detached: true })
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code))
  })
  const ready = new Promise<Ready>((resolve, reject) => {
    child.once('message', (message) => resolve(message as Ready))
    // It has said why on stderr.
    child.once('exit', () => reject(new StartFailure(`${script} did not start`)))
  })
  return { child: { name: script, process: child, exited }, ready }
}

/** Server first, so that what it acknowledged is in the log; then the worker; Postgres last. */
const stopper = (running: { postgres?: Service; children: Child[] }) => {
  let inFlight = false
  const stopAll = async (exitCode: number) => {
    for (const { process: child, exited } of running.children.toReversed()) {
      child.kill('SIGTERM')
      await exited
    }
    await running.postgres?.stop()
    process.exit(exitCode)
  }
  const stop = (exitCode: number) => {
    if (inFlight) return
    inFlight = true
    void stopAll(exitCode)
  }
  return Object.assign(stop, { isInFlight: () => inFlight })
}

const greet = (
  config: Config,
  { port, grpcPort }: Ready,
  postgresPort: number,
  metricsPorts: readonly (number | undefined)[],
  tookMs: number,
) => {
  const scheme = config.HTTP_TLS_CERT_FILE === '' ? 'http' : 'https'
  const url = `${scheme}://${host}:${port}`
  const metrics = metricsPorts
    .filter((one) => one !== undefined)
    .map((one) => `http://${host}:${one}/metrics`)
  const passwordFile = passwordFileIn(join(config.DATA_DIR, 'postgres', 'data'))
  const token = signToken(config.JWT_SECRET as string, 'demo', tokenTtlSec)
  console.log(`
Todo API: ${url}   (engine ${config.HTTP_ENGINE}, ${config.HTTP_PROCESSES} processes, started in ${tookMs} ms)
The page, built in some seconds at the first start: ${url}/app
All that it can do: ${url}/docs

A token for user "demo", valid for 30 days:
${token}

Read:
  curl '${url}/todos?limit=10'
Write:
  curl -X POST ${url}/todos -H 'Content-Type: application/json' -H 'Authorization: Bearer ${token}' -d '{"title":"My first todo"}'
Benchmark, with a report that says whether to believe it:
  npm run bench -- --url '${url}/todos?limit=10'
gRPC, gRPC-Web and Connect:
  ${grpcPort === undefined ? 'off: set GRPC_PORT' : `${host}:${grpcPort}`}
Metrics, of the server and of the worker:
  ${metrics.join('\n  ') || 'off'}
Postgres, which accepts only the password in that file:
  PGPASSWORD=$(cat '${passwordFile}') psql -h ${host} -p ${postgresPort} -U postgres todos

Ctrl-C stops everything; the data stays in ${config.DATA_DIR}/
`)
}

takeNoArguments(`usage: npm start
Starts all of it on this machine: a Postgres of its own, the server and a worker. It prints a URL, a token
and commands to paste. It takes no arguments: its settings are environment variables, such as HTTP_PORT and
DATA_DIR. Ctrl-C stops everything; the data stays.
Exit codes: 0 stopped, 1 failed, 2 wrong usage.`)
try {
  await main()
} catch (error) {
  if (!(error instanceof StartFailure || error instanceof ConfigError)) throw error
  console.error(error.message)
  process.exit(1)
}

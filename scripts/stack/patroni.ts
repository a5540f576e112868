// Postgres that fails over: nodes of Patroni with an etcd, in synchronous mode. Debian's Postgres and not
// that of the npm package, which has neither pg_basebackup nor pg_rewind.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import { findEtcd, startEtcd } from './etcd.ts'
import { freePort, loopback, nextFreePorts } from './ports.ts'
import { postgresEnvironment, superuser, writeSecret } from './postgres-access.ts'
import { assertReachable, postgresOwner, type Owner } from './postgres-binaries.ts'
import { makeDirectory } from './postgres.ts'
import { ServiceMissing, findProgram, startService, type Service } from './service.ts'
import { archiveSettings } from './wal-archive.ts'

/** What a node says of itself: see Patroni's `GET /patroni`. */
export type NodeReport = {
  readonly role: 'primary' | 'replica'
  readonly state: string
  readonly timeline?: number
  readonly sync_standby?: boolean
}

export type PatroniNode = {
  readonly name: string
  /** Past whatever stands in front of it. */
  readonly url: string
  readonly port: number
  /** Its Patroni, which runs or ran last. */
  patroni(): Service
  /** Undefined while its Patroni does not answer. */
  report(): Promise<NodeReport | undefined>
  /** `node`: both of them. */
  signal(part: 'postgres' | 'patroni' | 'node', signal: NodeJS.Signals): void
  /** Its Patroni again, which starts its Postgres. */
  start(): Promise<void>
  stop(): Promise<void>
}

export type PatroniCluster = {
  /** With every node, as DATABASE_URL has them. */
  readonly url: string
  readonly nodes: readonly PatroniNode[]
  readonly etcd: Service
  /** Undefined while none leads. */
  leader(): Promise<PatroniNode | undefined>
  /** A planned one. Rejects with what Patroni says when it does not do it. */
  switchover(): Promise<void>
  stop(): Promise<void>
}

/** By which port others reach a node's Postgres, and a node etcd: a gate may stand in front. */
export type Front = (node: number, of: 'postgres' | 'etcd', port: number) => Promise<number>

/**
 * Patroni takes no shorter time to live than 20 s. Its own defaults are 30, 10 and 10: what is lost by an
 * etcd that does not answer for a moment is a failover.
 */
const times = { ttl: 20, loop_wait: 5, retry_timeout: 5 } // seconds
const startTimeoutMs = 60_000
const stopTimeoutMs = 30_000
const askTimeoutMs = 1_000
const database = 'todos'
const scope = 'todos'
const replicator = 'replicator'

export const startPatroni = async (options: {
  readonly directory: string
  readonly nodeCount: number
  readonly front?: Front
  /** Of the first node's Postgres; the others have the next that are free. */
  readonly port?: number
  /** With fsync: without, a machine that goes down may lose what a killed process keeps. */
  readonly durable?: boolean
  /** Where the WAL is archived; without, it is not. */
  readonly archiveDirectory?: string | undefined
}): Promise<PatroniCluster> => {
  const { directory, nodeCount, front = noFront, durable = false, archiveDirectory } = options
  const programs = await findPrograms()
  const owner = await postgresOwner()
  await makeDirectory(directory, owner)
  if (owner !== undefined) {
    await assertReachable(directory, owner)
    await assertReachable(programs.patroni, owner)
  }
  const archive = archiveDirectory && resolve(archiveDirectory)
  if (archive) await makeDirectory(archive, owner)
  const etcd = await startEtcd({ directory: join(directory, 'etcd') })
  const passwords = await keptPasswords(directory)
  const nodes: PatroniNode[] = []
  const ports: number[] = []
  const wanted = options.port === undefined ? [] : await nextFreePorts(options.port, nodeCount)
  const stop = async () => {
    // Not the leader first: the others would begin a failover.
    await Promise.all(nodes.map((node) => node.stop()))
    await etcd.stop()
  }
  try {
    for (let n = 0; n < nodeCount; n++) {
      const port = wanted[n] ?? (await freePort())
      const advertisedPort = await front(n, 'postgres', port)
      ports.push(advertisedPort)
      nodes.push(
        await startNode({
          name: `node${n}`,
          directory: join(directory, `node${n}`),
          port,
          advertisedPort,
          etcdPort: await front(n, 'etcd', etcd.port),
          passwords,
          programs,
          owner,
          parameters: {
            ...(durable ? {} : { fsync: 'off' }),
            ...(archive && (await archiveSettings(archive, owner))),
          },
        }),
      )
    }
    const urlOf = (name: string) =>
      `postgres://${superuser}:${passwords.superuser}@${ports.map((port) => `${loopback}:${port}`).join()}/${name}`
    await makeDatabase(urlOf('postgres'))
    await untilSynchronous(nodes)
    const leader = async () => {
      const reports = await Promise.all(nodes.map((node) => node.report()))
      return nodes[reports.findIndex((one) => one?.role === 'primary' && one.state === 'running')]
    }
    return {
      url: urlOf(database),
      nodes,
      etcd,
      leader,
      async switchover() {
        const name = (await leader())?.name
        if (name === undefined) throw new Error('none leads')
        const answer = await fetch(`${restUrls.get(nodes[0] as PatroniNode)}/switchover`, {
          method: 'POST',
          body: JSON.stringify({ leader: name }),
        })
        if (!answer.ok) throw new Error(await answer.text())
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const noFront: Front = (_node, _of, port) => Promise.resolve(port)

type Passwords = { readonly superuser: string; readonly replicator: string }

/** The data keeps them, too. */
const keptPasswords = async (directory: string): Promise<Passwords> => {
  const file = join(directory, 'passwords.json')
  const kept = await readFile(file, 'utf8').catch(() => '')
  if (kept !== '') return JSON.parse(kept) as Passwords
  const made = { superuser: newPassword(), replicator: newPassword() }
  await writeSecret(file, JSON.stringify(made), undefined)
  return made
}

const newPassword = () => randomBytes(16).toString('hex')
const restUrls = new WeakMap<PatroniNode, string>()

/** What of it is not on this machine, and how it gets there; undefined where all is. */
export const whyNoPatroni = async (): Promise<string | undefined> => {
  const missing: string[] = []
  const lookFor = (error: unknown) => {
    if (!(error instanceof ServiceMissing)) throw error
    missing.push(error.message)
  }
  await findPrograms().catch(lookFor)
  try {
    findEtcd()
  } catch (error) {
    lookFor(error)
  }
  return missing.length === 0 ? undefined : missing.join('; ')
}

type Programs = { readonly patroni: string; readonly binaries: string }

const findPrograms = async (): Promise<Programs> => {
  const patroni = findProgram('patroni')
  if (patroni === undefined) {
    throw new ServiceMissing(
      'patroni',
      "install it (python3 -m venv DIRECTORY, DIRECTORY/bin/pip install 'patroni[etcd3,psycopg3]==4.1.5') and put DIRECTORY/bin into PATH",
    )
  }
  const packages = '/usr/lib/postgresql'
  const versions = await readdir(packages).catch(() => [])
  const newest = versions.map(Number).sort((one, other) => other - one)[0]
  if (newest !== undefined) return { patroni, binaries: join(packages, String(newest), 'bin') }
  const rewind = findProgram('pg_rewind')
  if (rewind === undefined) {
    throw new ServiceMissing(
      'pg_rewind',
      'install Postgres (apt-get install postgresql, brew install postgresql)',
    )
  }
  return { patroni, binaries: join(rewind, '..') }
}

type NodePlace = {
  readonly name: string
  readonly directory: string
  readonly port: number
  readonly advertisedPort: number
  readonly etcdPort: number
  readonly passwords: Passwords
  /** Of Postgres. */
  readonly parameters: Readonly<Record<string, string | number>>
  readonly programs: Programs
  readonly owner: Owner | undefined
}

const startNode = async (place: NodePlace): Promise<PatroniNode> => {
  const { name, directory, port, passwords, programs, owner } = place
  await makeDirectory(directory, owner)
  const restPort = await freePort()
  const restUrl = `http://${loopback}:${restPort}`
  const configuration = join(directory, 'patroni.json')
  const data = join(directory, 'data')
  await writeSecret(configuration, JSON.stringify(settingsOf(place, restPort, data)), owner)
  const start = (): Promise<Service> =>
    startService({
      name: 'patroni',
      url: restUrl,
      port: restPort,
      directory,
      command: programs.patroni,
      args: [configuration],
      env: postgresEnvironment(),
      owner,
      answers: async () => {
        const answer = await fetch(`${restUrl}/health`, { signal: inTime() })
        await answer.body?.cancel()
        if (!answer.ok) throw new Error(`${name} answers ${answer.status}`)
      },
      startTimeoutMs,
      stopSignal: 'SIGTERM',
      stopTimeoutMs,
    })
  const signalPostgres = (signal: NodeJS.Signals) => {
    for (const pid of postgresIn(data)) sendTo(pid, signal)
  }
  let patroni = await start()
  process.once('exit', () => signalPostgres('SIGKILL'))
  const node: PatroniNode = {
    name,
    url: `postgres://${superuser}:${passwords.superuser}@${loopback}:${port}/${database}`,
    port,
    patroni: () => patroni,
    async report() {
      try {
        const answer = await fetch(`${restUrl}/patroni`, { signal: inTime() })
        return (await answer.json()) as NodeReport
      } catch {
        return undefined
      }
    },
    signal(part, signal) {
      if (part !== 'postgres') patroni.kill(signal)
      if (part !== 'patroni') signalPostgres(signal)
    },
    async start() {
      await patroni.exited
      patroni = await start()
    },
    async stop() {
      signalPostgres('SIGCONT')
      await patroni.stop()
      signalPostgres('SIGKILL') // of one whose Patroni was killed
    },
  }
  restUrls.set(node, restUrl)
  return node
}

const inTime = () => AbortSignal.timeout(askTimeoutMs)

/** JSON is YAML. */
const settingsOf = (place: NodePlace, restPort: number, data: string) => {
  const { name, directory, port, advertisedPort, etcdPort, passwords, programs } = place
  return {
    scope,
    name,
    restapi: { listen: `${loopback}:${restPort}`, connect_address: `${loopback}:${restPort}` },
    // `proxy`: with `host` it would ask etcd for its address, past a gate.
    etcd3: { proxy: `http://${loopback}:${etcdPort}` },
    bootstrap: {
      dcs: {
        ...times,
        synchronous_mode: true,
        postgresql: {
          use_pg_rewind: true,
          parameters: { max_connections: 200, password_encryption: 'scram-sha-256' },
        },
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C' }],
    },
    postgresql: {
      listen: `${loopback}:${port}`,
      connect_address: `${loopback}:${advertisedPort}`,
      data_dir: data,
      bin_dir: programs.binaries,
      pgpass: join(directory, 'pgpass'),
      parameters: { unix_socket_directories: '', ...place.parameters },
      authentication: {
        superuser: { username: superuser, password: passwords.superuser },
        replication: { username: replicator, password: passwords.replicator },
      },
      pg_hba: [
        `host all all ${loopback}/32 scram-sha-256`,
        `host replication ${replicator} ${loopback}/32 scram-sha-256`,
      ],
    },
  }
}

const makeDatabase = async (url: string): Promise<void> => {
  const deadline = Date.now() + startTimeoutMs
  for (;;) {
    const sql = connectPostgres({ url, poolSize: 1 })
    try {
      const found = await sql`SELECT FROM pg_database WHERE datname = ${database}`
      if (found.count === 0) await sql`CREATE DATABASE ${sql(database)}`
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await delay(200)
    } finally {
      await sql.end({ timeout: 1 })
    }
  }
}

/** Before, a failover could lose writes, and Patroni would make none. */
const untilSynchronous = async (nodes: readonly PatroniNode[]): Promise<void> => {
  const deadline = Date.now() + startTimeoutMs
  for (;;) {
    const reports = await Promise.all(nodes.map((node) => node.report()))
    if (reports.some((one) => one?.sync_standby === true)) return
    if (Date.now() > deadline) throw new Error('no standby of Patroni became synchronous')
    await delay(200)
  }
}

/** The first process of it and its children, each of which is in a session of its own. */
const postgresIn = (data: string): number[] => {
  try {
    const first = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
    const command = readFileSync(`/proc/${first}/cmdline`, 'utf8')
    if (!(first > 0) || !command.includes(data)) return []
    const children = readFileSync(`/proc/${first}/task/${first}/children`, 'utf8')
    return [first, ...children.split(' ').filter(Boolean).map(Number)]
  } catch {
    return []
  }
}

const sendTo = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // gone already
  }
}

// Everything that is measured, one entry each: our two engines, plain and with TLS, the peers of bench/peers/, and the
// floor. What can't run on this machine is left out, with the reason.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createAuthority, type Issued } from '../../scripts/stack/certificates.ts'
import { findProgram } from '../../scripts/stack/service.ts'
import { runProgram, startPeer } from './programs.ts'
import { startOurs, type Limit, type OurEngine, type Todos } from './todos.ts'

export const ourNames = ['node', 'uws', 'node-tls', 'uws-tls'] as const
export const names = [
  ...ourNames,
  ...(['node-http', 'fastify', 'uws-naive', 'bun-static', 'floor'] as const),
] as const
export type Name = (typeof names)[number]
/** Unless others are asked for: those that speak the same as the floor. */
export const plainNames = names.filter((name) => !name.endsWith('-tls'))

export type Started = {
  readonly pid: number
  readonly port: number
  /** Port of its page of metrics, where it has one. */
  readonly metricsPort?: number
  /** What it complained about so far. */
  complaints(): string
  stop(): Promise<void>
}
export type Subject = {
  readonly name: Name
  readonly scheme: 'http' | 'https'
  readonly target: (limit: Limit) => string
  start(): Promise<Started>
}
export type LeftOut = { readonly name: Name; readonly why: string }
export type BuildContext = {
  /** Compiled programs go here. */
  readonly directory: string
  readonly databaseUrl: string
  readonly todos: Todos
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

const peers = new URL('../peers/', import.meta.url)
const peer = (file: string) => fileURLToPath(new URL(file, peers))
/** Those that bench/peers/package.json installs. */
const installed: readonly Name[] = ['fastify', 'bun-static']

/** Installs and compiles what `wanted` needs. */
export const prepareSubjects = async (
  wanted: readonly Name[],
  context: BuildContext,
): Promise<{ subjects: Subject[]; leftOut: LeftOut[] }> => {
  const subjects: Subject[] = []
  const leftOut: LeftOut[] = []
  const npm = wanted.some((name) => installed.includes(name))
    ? await installPeers(context)
    : undefined
  for (const name of wanted) {
    try {
      if (npm && installed.includes(name)) throw npm
      subjects.push(await prepare(name, context))
    } catch (error) {
      context.signal.throwIfAborted()
      leftOut.push({ name, why: (error as Error).message })
    }
  }
  return { subjects, leftOut }
}

const prepare = async (name: Name, context: BuildContext): Promise<Subject> => {
  const { manifestFile, responseFiles } = context.todos
  const scheme = 'http'
  const target = (limit: Limit) => `/todos?limit=${limit}`
  const node = (file: string) => () => startPeer(process.execPath, [peer(file), manifestFile])
  switch (name) {
    case 'node':
    case 'uws':
      return { name, scheme, target, start: () => ours(name, context.databaseUrl) }
    case 'node-tls':
    case 'uws-tls': {
      const authority = await createAuthority(join(context.directory, name), 'bench')
      const certificate = await authority.issue('server')
      const engine = name === 'node-tls' ? 'node' : 'uws'
      const start = () => ours(engine, context.databaseUrl, certificate)
      return { name, scheme: 'https', target, start }
    }
    case 'node-http':
    case 'fastify':
    case 'uws-naive':
      return { name, scheme, target, start: node(`${name}.js`) }
    case 'bun-static': {
      const bun = bunProgram()
      const start = () => startPeer(bun, [peer('bun-static.js'), manifestFile])
      return { name, scheme, target: (limit) => `/todos/limit/${limit}`, start }
    }
    case 'floor': {
      const floor = await compileFloor(context)
      return { name, scheme, target, start: () => startPeer(floor, responseFiles) }
    }
  }
}

const ours = async (
  engine: OurEngine,
  databaseUrl: string,
  certificate?: Issued,
): Promise<Started> => {
  const running = await startOurs(engine, databaseUrl, certificate)
  const { process: child, port, metricsPort, output, stop } = running
  return { pid: child.pid as number, port, metricsPort, complaints: output, stop }
}

/** Undefined when they are there; else what went wrong, which leaves them out. */
const installPeers = async ({ signal, say }: BuildContext): Promise<Error | undefined> => {
  const marker = peer('node_modules/.package-lock.json')
  const isCurrent =
    existsSync(marker) && statSync(marker).mtimeMs >= statSync(peer('package-lock.json')).mtimeMs
  if (isCurrent) return undefined
  say('installing the peers (npm ci in bench/peers, once) ...')
  try {
    await runProgram('npm', ['ci', '--no-audit', '--no-fund'], { cwd: peer('.'), signal })
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    return new Error('npm ci in bench/peers failed: run it there to see why', { cause: error })
  }
}

const bunProgram = (): string => {
  const arch = process.arch === 'arm64' ? 'aarch64' : process.arch
  const program = peer(`node_modules/@oven/bun-${process.platform}-${arch}/bin/bun`)
  if (!existsSync(program)) throw new Error(`no Bun for ${process.platform} on ${process.arch}`)
  return program
}

const compileFloor = async ({ directory, signal }: BuildContext): Promise<string> => {
  if (process.platform !== 'linux') throw new Error('it needs the epoll of Linux')
  const cc = findProgram('cc')
  if (cc === undefined) throw new Error('there is no C compiler (cc) on this machine')
  const program = join(directory, 'floor')
  await runProgram(cc, ['-O2', '-o', program, peer('floor.c')], { signal })
  return program
}

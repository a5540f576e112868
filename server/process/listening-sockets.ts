// The sockets that the server's processes accept from: bound by the primary before the first fork, and
// kept by it. A socket that closes resets what the kernel has queued on it. These do not close when a
// process leaves: the one that replaces it goes on accepting from the same.

import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import net, { createServer, type ListenOptions, type Server } from 'node:net'
import type { Config } from '../../lib/runtime/config/config.ts'
import { everyAddress } from '../../lib/runtime/listen-host.ts'

/** Bound, and listened on by forks only: what is given to `net.Server.listen`. */
export type BoundSocket = {
  getsockname(into: { port?: number }): number
  close(): void
}

export type ListeningSockets = {
  readonly ports: readonly number[]
  readonly portOf: (index: number) => number
  /** What the process with this index accepts from; none where its engine opens a socket itself. */
  readonly of: (index: number) => readonly BoundSocket[]
  /** Its process died. What is queued on its sockets is reset, so that those clients come again. */
  replace(index: number): void
  /** From now on nothing listens when the last fork has stopped to. */
  close(): void
}

/**
 * On Linux each process has sockets of its own on the port (SO_REUSEPORT), and the kernel deals out
 * connections by their hash: of 2,000 one of two processes got 977 to 1,025. With one shared socket, of
 * 64 opened at once one got 41 to 64. Elsewhere SO_REUSEPORT does not deal out, and one is shared.
 */
const dealsOut = process.platform === 'linux'

/**
 * libuv accepts one connection of a socket in a turn of the loop, and a busy process's turn takes
 * milliseconds: with several sockets it accepts as many. Of 2,000 connections opened at once beside 64
 * busy ones the last had its answer after 700 ms with 8 sockets, after 311 to 435 ms with 32.
 */
const socketsPerProcess = dealsOut ? 32 : 1

export type ListeningPort = {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  /** What an operator sets to have another. */
  readonly setting: string
  readonly processes: number
  /** One port for all, or one for each from `port` on. */
  readonly isShared: boolean
  /** False: the engine opens its sockets itself, and these only keep the port. */
  readonly isHanded: boolean
}

export const httpPortOf = (config: Config): ListeningPort => ({
  host: config.HTTP_HOST,
  port: config.HTTP_PORT,
  setting: 'HTTP_PORT',
  processes: config.HTTP_PROCESSES,
  isShared: config.HTTP_PORT_PER_PROCESS === 'false',
  isHanded: config.HTTP_ENGINE === 'node',
})

/** Undefined: it is off. */
export const grpcPortOf = (config: Config): ListeningPort | undefined =>
  config.GRPC_PORT === 'off'
    ? undefined
    : {
        host: config.HTTP_HOST,
        port: config.GRPC_PORT,
        setting: 'GRPC_PORT',
        processes: config.HTTP_PROCESSES,
        isShared: true,
        isHanded: true,
      }

/** Rejects with one line for the operator. */
export const openListeningSockets = async ({
  host,
  port: firstPort,
  setting,
  processes,
  isShared,
  isHanded,
}: ListeningPort): Promise<ListeningSockets> => {
  const ports: number[] = []
  const sockets: BoundSocket[][] = []
  const locks: Server[] = []
  let port = firstPort
  try {
    const { address, family } = await lookup(await hostHere(host))
    const bindAll = (port: number) =>
      Array.from({ length: socketsPerProcess }, () => bind(address, family, port))
    for (; ports.length < (isShared ? 1 : processes); port++) {
      const reserved = await (port === 0 ? reserveFree(address) : reserve(address, port))
      locks.push(...reserved.locks)
      ports.push(reserved.port)
      sockets.push(bindAll(reserved.port))
    }
    while (sockets.length < processes)
      sockets.push(dealsOut ? bindAll(ports[0] as number) : (sockets[0] as BoundSocket[]))
    const portOf = (index: number) => ports[index % ports.length] as number
    return {
      ports,
      portOf,
      of: (index) => (isHanded ? (sockets[index] ?? []) : []),
      replace(index) {
        if (!dealsOut) return // the others, or the next one, accept what is queued
        const old = sockets[index] ?? []
        sockets[index] = bindAll(portOf(index))
        closeAll(old)
      },
      close() {
        for (const all of sockets.splice(0)) closeAll(all)
        closeAll(locks.splice(0))
      },
    }
  } catch (error) {
    closeAll(locks)
    throw cantListen(host, port, setting, error as NodeJS.ErrnoException)
  }
}

/** `::` where the kernel has IPv6, which serves IPv4 too; else every address of IPv4. */
const hostHere = async (host: string): Promise<string> => {
  if (host !== everyAddress) return host
  try {
    closeAll([await listening({ host, port: 0 })])
    return host
  } catch {
    return '0.0.0.0'
  }
}

const closeAll = (sockets: readonly { close(): void }[]) => {
  for (const socket of sockets) socket.close()
}

const cantListen = (
  host: string,
  port: number,
  setting: string,
  error: NodeJS.ErrnoException,
): Error =>
  new Error(
    error.code === 'EADDRINUSE'
      ? `port ${port} is in use: stop what listens there, or set ${setting} to another`
      : `can't listen on ${host}:${port} (${error.message}): set HTTP_HOST and ${setting}`,
    { cause: error },
  )

/** libuv's UV_TCP_REUSEPORT. */
const reusePortFlag = 2

/** What node:cluster itself binds with. net.Server would listen, and accept here, in the primary. */
const createHandle = (
  net as unknown as {
    _createServerHandle: (
      address: string,
      port: number,
      family: number,
      fd: number,
      flags: number,
    ) => BoundSocket | number
  }
)._createServerHandle

/** Throws when another program has the port: libuv keeps that to itself until something listens. */
const bind = (address: string, family: number, port: number): BoundSocket => {
  const socket = createHandle(address, port, family, -1, dealsOut ? reusePortFlag : 0)
  if (typeof socket === 'number') throw new Error(`can't bind ${address}:${port} (${socket})`)
  const name: { port?: number } = {}
  socket.getsockname(name)
  if (name.port !== port) {
    socket.close()
    throw Object.assign(new Error('it is in use'), { code: 'EADDRINUSE' })
  }
  return socket
}

// Below those that systems give to outgoing connections: one of them, ours even, could take the port
// between our check of it and the first fork's listening.
const freePortsFrom = 10_000
const freePortsTo = 20_000

/** `locks` keep other servers of ours off the port until they are closed. */
type Reserved = { readonly port: number; readonly locks: readonly Server[] }

const reserveFree = async (address: string): Promise<Reserved> => {
  for (;;) {
    const port = freePortsFrom + Math.floor(Math.random() * (freePortsTo - freePortsFrom))
    try {
      return await reserve(address, port)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}

/**
 * Finds the port free by listening alone on it, as SO_REUSEPORT would share what another has. Until a
 * fork listens that says nothing of another server that starts: so each takes a name in the kernel
 * first, which goes with its process.
 */
const reserve = async (host: string, port: number): Promise<Reserved> => {
  const locks = dealsOut ? [await listening({ path: `\0todos-server ${host} ${port}` })] : []
  try {
    const probe = await listening({ host, port })
    await new Promise((resolve) => probe.close(resolve))
    return { port, locks }
  } catch (error) {
    closeAll(locks)
    throw error
  }
}

const listening = async (where: ListenOptions): Promise<Server> => {
  const server = createServer((socket) => socket.destroy()).unref()
  server.listen({ ...where, exclusive: true })
  await once(server, 'listening')
  return server
}

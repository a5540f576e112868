// Loopback ports: finding one that is free, waiting for one to become free, asking what is on it.
// Every launcher listens on 127.0.0.1 only.

import { createServer, connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { setTimeout as delay } from 'node:timers/promises'

export const loopback = '127.0.0.1'

// Below the range that Linux (32768) and macOS (49152) use for local ports of outgoing connections.
// Otherwise a client that retries a killed service could own the service's port, or connect to itself.
const portsFrom = 20_000
const portsTo = 32_000
const requestTimeoutMs = 2_000

export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: loopback }, () => server.close(() => resolve(true)))
  })

export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = portsFrom + Math.floor(Math.random() * (portsTo - portsFrom))
    if (await isFree(port)) return port
  }
}

/** The first free port from `port` on. */
export const nextFreePort = async (port: number): Promise<number> => {
  while (!(await isFree(port))) port++
  return port
}

/** So many, each the next that is free. */
export const nextFreePorts = async (port: number, count: number): Promise<number[]> => {
  const ports: number[] = []
  while (ports.length < count) ports.push(await nextFreePort((ports.at(-1) ?? port - 1) + 1))
  return ports
}

/** A process that was just killed may hold its port for a moment. */
export const becomesFree = async (port: number, timeoutMs: number): Promise<boolean> => {
  const deadline = Date.now() + timeoutMs
  while (!(await isFree(port))) {
    if (Date.now() > deadline) return false
    await delay(20)
  }
  return true
}

/** Sends `request` as it is, resolves with the first bytes that come back. */
export const ask = (port: number, request: string, tls?: ConnectionOptions): Promise<string> =>
  new Promise((resolve, reject) => {
    const to = { port, host: loopback, timeout: requestTimeoutMs }
    const socket: Socket = tls ? connectTls({ ...to, ...tls }) : connect(to)
    const settle = (finish: () => void) => {
      socket.destroy()
      finish()
    }
    socket.on('connect', () => socket.write(request))
    socket.on('data', (data) => settle(() => resolve(data.toString('latin1'))))
    socket.on('timeout', () => settle(() => reject(new Error('no answer'))))
    socket.on('end', () => settle(() => reject(new Error('closed without an answer'))))
    socket.on('error', (error) => settle(() => reject(error)))
  })

export const accepts = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: loopback }, () => {
      socket.destroy()
      resolve()
    })
    socket.on('error', reject)
  })

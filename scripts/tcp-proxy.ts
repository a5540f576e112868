// A TCP proxy that fails on command: cuts connections, withholds what one side says, or falls silent. Put
// between a client and a real service by tests.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'

export type TcpProxy = {
  readonly port: number
  /** Sees each chunk on its way; `drop` swallows it, `cut` swallows it and ends the connection. */
  inspect(
    direction: 'to-service' | 'to-client',
    decide: (chunk: Buffer) => 'pass' | 'drop' | 'cut',
  ): void
  passAll(): void
  cutAll(): void
  /** The connections that are open now never say anything again, to either side; new ones work. */
  silenceOpen(): void
  /** Refuses new connections until the next `passAll`. */
  refuse(): void
  /** Holds each chunk of the service's answers back for so long. */
  delayBy(ms: number): void
}

export const startTcpProxy = async (t: Test, servicePort: number): Promise<TcpProxy> => {
  const pass = () => 'pass' as const
  let decide = { 'to-service': pass, 'to-client': pass } as Record<
    'to-service' | 'to-client',
    (chunk: Buffer) => 'pass' | 'drop' | 'cut'
  >
  let refusing = false
  let delayMs = 0
  const sockets = new Set<Socket>()
  const silent = new WeakSet<Socket>()

  const server = createServer((client) => {
    if (refusing) {
      client.destroy()
      return
    }
    const service = connect(servicePort, '127.0.0.1')
    const pair = [client, service]
    const cut = () => {
      for (const one of pair) one.destroy()
    }
    for (const one of pair) {
      sockets.add(one)
      one.setNoDelay(true)
      one.on('error', cut)
      one.on('close', () => {
        sockets.delete(one)
        cut()
      })
    }
    const forward = (direction: 'to-service' | 'to-client', to: Socket) => (chunk: Buffer) => {
      if (silent.has(to)) return
      const verdict = decide[direction](chunk)
      if (verdict === 'pass') {
        if (direction === 'to-client' && delayMs > 0) setTimeout(() => to.write(chunk), delayMs)
        else to.write(chunk)
      } else if (verdict === 'cut') cut()
    }
    client.on('data', forward('to-service', service))
    service.on('data', forward('to-client', client))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const cutAll = () => {
    for (const one of sockets) one.destroy()
  }
  t.teardown(() => {
    cutAll()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    inspect(direction, how) {
      decide = { ...decide, [direction]: how }
    },
    passAll() {
      decide = { 'to-service': pass, 'to-client': pass }
      refusing = false
    },
    cutAll,
    silenceOpen() {
      for (const one of sockets) silent.add(one)
    },
    refuse() {
      refusing = true
    },
    delayBy(ms) {
      delayMs = ms
    },
  }
}

// How ioredis opens a connection to a server that is found anew each time: masters move. What fails here
// must look like a connection that failed. ioredis takes a rejection for the end, and never tries again.

import { createConnection, isIP, Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { AbstractConnector } from 'ioredis'
import type { RedisHost } from '../../runtime/config/redis-url.ts'
import type { RedisTls } from './tls.ts'

export const connectorTo = (find: () => Promise<RedisHost>, tls?: RedisTls) =>
  class extends AbstractConnector {
    constructor(options: unknown) {
      super((options as { readonly disconnectTimeout: number }).disconnectTimeout)
    }

    async connect(): Promise<Socket> {
      this.connecting = true
      delete this.firstError
      try {
        const host = await find()
        if (!this.connecting) throw new Error('it was closed')
        this.stream = open(host, tls)
        this.stream.once('error', (error) => (this.firstError = error))
      } catch (error) {
        this.firstError = error as Error
        this.stream = new Socket().destroy()
      }
      return this.stream
    }
  }

const open = ({ host, port }: RedisHost, tls: RedisTls | undefined): Socket =>
  tls
    ? inTime(connectTls({ host, port, ...tls, ...(isIP(host) === 0 && { servername: host }) }))
    : createConnection({ host, port })

/** Less than ioredis waits, which says of a port without TLS that it can't connect to it. */
const handshakeTimeoutMs = 900

export class NoHandshake extends Error {
  override readonly name = 'NoHandshake'
}

const inTime = (socket: TLSSocket): TLSSocket => {
  socket.once('connect', () => {
    const giveUp = () =>
      socket.destroy(new NoHandshake(`no TLS handshake within ${handshakeTimeoutMs} ms`))
    const timer = setTimeout(giveUp, handshakeTimeoutMs)
    for (const event of ['secureConnect', 'close']) socket.once(event, () => clearTimeout(timer))
  })
  return socket
}

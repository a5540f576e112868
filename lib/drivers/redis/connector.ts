// How ioredis opens a connection to a server that is found anew each time: masters move. What fails here
// must look like a connection that failed. ioredis takes a rejection for the end, and never tries again.

import { createConnection, isIP, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AbstractConnector } from 'ioredis'
import type { RedisHost } from '../../runtime/config/redis-url.ts'

export const connectorTo = (find: () => Promise<RedisHost>, hasTls: boolean) =>
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
        this.stream = open(host, hasTls)
        this.stream.once('error', (error) => (this.firstError = error))
      } catch (error) {
        this.firstError = error as Error
        this.stream = new Socket().destroy()
      }
      return this.stream
    }
  }

const open = ({ host, port }: RedisHost, hasTls: boolean): Socket =>
  hasTls
    ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }) })
    : createConnection({ host, port })

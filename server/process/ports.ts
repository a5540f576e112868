// The ports that the forks will listen on, found free before the first of them starts.

import { createServer } from 'node:net'
import type { Config } from '../../lib/runtime/config/config.ts'

/** One that all forks share, or one for each. Rejects with one line for the operator. */
export const reservePorts = async (config: Config): Promise<number[]> => {
  const isShared = config.HTTP_PORT_PER_PROCESS === 'false'
  const count = isShared ? 1 : config.HTTP_PROCESSES
  const ports: number[] = []
  for (let port = config.HTTP_PORT; ports.length < count; port++) {
    ports.push(
      await (port === 0 ? freePort(config.HTTP_HOST) : reservePort(config.HTTP_HOST, port)).catch(
        (error: NodeJS.ErrnoException) => {
          throw new Error(
            error.code === 'EADDRINUSE'
              ? `port ${port} is in use: stop what listens there, or set HTTP_PORT to another`
              : `can't listen on ${config.HTTP_HOST}:${port} (${error.message}): set HTTP_HOST and HTTP_PORT`,
            { cause: error },
          )
        },
      ),
    )
  }
  return ports
}

// Below those that systems give to outgoing connections: one of them, ours even, could take the port
// between our check of it and the first fork's listening.
const freePortsFrom = 10_000
const freePortsTo = 20_000

const freePort = async (host: string): Promise<number> => {
  for (;;) {
    const port = freePortsFrom + Math.floor(Math.random() * (freePortsTo - freePortsFrom))
    try {
      return await reservePort(host, port)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}

/** The port to listen on, found free: a fork that fails to bind would say so far less clearly. */
const reservePort = (host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ host, port, exclusive: true }, () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

// A gate in front of a service, for tests: the network between a client and a service that goes on
// working. Open connections can fall silent while new ones work, and new ones can reach another
// service while the old ones stay, as behind a cloud's address after a failover.

import { connect, createServer, type Socket } from 'node:net'
import { freePort, loopback } from './services/ports.ts'

export type Gate = {
  readonly port: number
  /** New connections go there; open ones stay where they are. */
  leadTo(servicePort: number): void
  /** What is open carries nothing more, in either direction, and nobody is told. */
  silence(): void
  /** The service gives up what fell silent, as its keep-alive would; the clients still hear nothing. */
  endSilent(): void
  /** Cuts what is open and refuses what comes, until `open`. */
  shut(): Promise<void>
  open(): Promise<void>
}

type Pair = { readonly client: Socket; readonly service: Socket; isSilent: boolean }

export const startGate = async (): Promise<Gate> => {
  const port = await freePort()
  let target = 0
  const pairs = new Set<Pair>()

  const server = createServer((client) => {
    const service = connect(target, loopback)
    const pair: Pair = { client, service, isSilent: false }
    pairs.add(pair)
    const join = (from: Socket, to: Socket) => {
      from.setNoDelay(true)
      from.on('error', () => {}) // "close" follows
      from.on('data', (chunk) => {
        if (pair.isSilent || to.write(chunk)) return
        from.pause()
        to.once('drain', () => pair.isSilent || from.resume())
      })
      from.on('close', () => {
        if (!pair.isSilent) to.destroy()
        if (client.destroyed && service.destroyed) pairs.delete(pair)
      })
    }
    join(client, service)
    join(service, client)
  })
  const listen = () =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, loopback, () => {
        server.off('error', reject)
        resolve()
      })
    })
  await listen()

  return {
    port,
    leadTo(servicePort) {
      target = servicePort
    },
    silence() {
      for (const pair of pairs) pair.isSilent = true
    },
    endSilent() {
      for (const pair of pairs) if (pair.isSilent) pair.service.destroy()
    },
    async shut() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const { client, service } of pairs) {
        client.destroy()
        service.destroy()
      }
      await closed
    },
    open: listen,
  }
}

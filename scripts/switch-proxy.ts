// A TCP proxy as a failover sees it: new connections go to another service, those that are open stay where
// they are, or fall silent without being closed. For tests.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'

export type SwitchProxy = {
  readonly port: number
  /** New connections go there. */
  to(servicePort: number): void
  /** What is open now stays open, and nothing passes any more. */
  silence(): void
  /** Silenced connections that the client has not given up. */
  silenced(): number
  /** The service's URL, through here. */
  urlOf(url: string): string
  /** Connections accepted so far. */
  accepted(): number
}

export const startSwitchProxy = async (t: Test, servicePort: number): Promise<SwitchProxy> => {
  let target = servicePort
  let accepted = 0
  const pairs = new Set<readonly [Socket, Socket]>()
  const silenced = new Set<readonly [Socket, Socket]>()
  const server = createServer((client) => {
    accepted++
    const service = connect(target, '127.0.0.1')
    const pair = [client, service] as const
    pairs.add(pair)
    client.pipe(service).pipe(client)
    for (const one of pair) {
      one.setNoDelay(true)
      one.on('error', () => {})
      one.on('close', () => {
        pairs.delete(pair)
        for (const other of pair) other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const pair of pairs) for (const one of pair) one.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    to(port) {
      target = port
    },
    silence() {
      for (const pair of pairs) {
        const [client, service] = pair
        silenced.add(pair)
        client.unpipe(service)
        service.unpipe(client)
        // Read and forgotten: what is written is taken, as a host that is gone leaves it to the kernel.
        client.resume()
        service.resume()
      }
    },
    silenced: () => [...silenced].filter((pair) => pairs.has(pair)).length,
    urlOf(url) {
      const through = new URL(url)
      through.port = String((server.address() as AddressInfo).port)
      return through.href
    },
    accepted: () => accepted,
  }
}

// A TCP proxy in front of a service that fails over: new connections are led to where it is told, open
// ones stay where they are, and may fall silent. For tests.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'

export const startSwitch = async (t: Test, firstPort: number) => {
  let port = firstPort
  const silenced = new Set<Socket>()
  const clients = new Set<Socket>()
  const server = createServer((client) => {
    const service = connect(port, '127.0.0.1')
    clients.add(client)
    for (const [from, to] of [
      [client, service],
      [service, client],
    ] as const) {
      from.on('data', (chunk) => {
        if (!silenced.has(client)) to.write(chunk)
      })
      from.on('error', () => {})
      from.on('close', () => {
        clients.delete(client)
        to.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  t.teardown(() => {
    for (const client of clients) client.destroy()
    server.close()
  })
  return {
    urlOf(url: string) {
      const through = new URL(url)
      through.port = String((server.address() as AddressInfo).port)
      return through.href
    },
    leadTo(next: number) {
      port = next
    },
    silenceOpen() {
      for (const client of clients) silenced.add(client)
    },
    /** Of the silenced ones. */
    open: () => [...silenced].filter((client) => clients.has(client)).length,
  }
}

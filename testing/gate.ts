// A gate in front of a service, for tests: the network between a client and a service that goes on
// working. It cuts, refuses, delays and swallows. Open connections can fall silent while new ones work.
// They can also stay where they are while new ones reach another service, as behind a cloud's address.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'
import { loopback } from '../scripts/stack/ports.ts'

type Direction = 'to-service' | 'to-client'
/** `drop` swallows a chunk, `cut` swallows it and ends the connection. */
type Decide = (chunk: Buffer) => 'pass' | 'drop' | 'cut'

export type Gate = {
  readonly port: number
  /** The service's URL, through here. */
  urlOf(url: string): string
  /** Connections accepted so far. */
  accepted(): number
  /** New connections go there; open ones stay where they are. */
  leadTo(servicePort: number): void
  /** What is open carries nothing more, in either direction, and neither end is notified. */
  silence(): void
  /** Silent connections that the client has not closed. */
  silenced(): number
  /** The service gives up what fell silent, as its keep-alive would; the clients still hear nothing. */
  endSilent(): void
  /** Sees each chunk on its way. */
  inspect(direction: Direction, decide: Decide): void
  /** Inspects no more. */
  passAll(): void
  /** Holds each chunk of the service's answers back for so long. */
  delayBy(ms: number): void
  /** Cuts what is open; new connections work. */
  cut(): void
  /** Cuts what is open and refuses what comes, until `open`. */
  shut(): Promise<void>
  open(): Promise<void>
}

type Pair = { readonly client: Socket; readonly service: Socket; isSilent: boolean }

const pass: Decide = () => 'pass'

export const startGate = async (servicePort = 0): Promise<Gate> => {
  let target = servicePort
  let accepted = 0
  let delayMs = 0
  let decide: Record<Direction, Decide> = { 'to-service': pass, 'to-client': pass }
  const pairs = new Set<Pair>()

  const server = createServer((client) => {
    accepted++
    const service = connect(target, loopback)
    const pair: Pair = { client, service, isSilent: false }
    pairs.add(pair)
    const join = (direction: Direction, from: Socket, to: Socket) => {
      from.setNoDelay(true)
      from.on('error', () => {}) // "close" follows
      from.on('data', (chunk) => {
        if (pair.isSilent) return
        const verdict = decide[direction](chunk)
        if (verdict === 'cut') end(pair)
        if (verdict !== 'pass') return
        if (direction === 'to-client' && delayMs > 0) {
          setTimeout(() => to.write(chunk), delayMs)
        } else if (!to.write(chunk)) {
          from.pause()
          to.once('drain', () => from.resume())
        }
      })
      from.on('close', () => {
        if (!pair.isSilent) to.destroy()
        if (client.destroyed && service.destroyed) pairs.delete(pair)
      })
    }
    join('to-service', client, service)
    join('to-client', service, client)
  })
  const end = ({ client, service }: Pair) => {
    client.destroy()
    service.destroy()
  }
  const cut = () => {
    for (const pair of pairs) end(pair)
  }
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, loopback, () => {
        server.off('error', reject)
        resolve()
      })
    })
  await listen(0)
  const { port } = server.address() as AddressInfo

  return {
    port,
    urlOf(url) {
      const through = new URL(url)
      through.port = String(port)
      return through.href
    },
    accepted: () => accepted,
    leadTo(servicePort) {
      target = servicePort
    },
    silence() {
      for (const pair of pairs) {
        pair.isSilent = true
        // Read and forgotten, as a host that is gone leaves it to the kernel.
        pair.client.resume()
        pair.service.resume()
      }
    },
    silenced: () => [...pairs].filter((pair) => pair.isSilent && !pair.client.destroyed).length,
    endSilent() {
      for (const pair of pairs) if (pair.isSilent) pair.service.destroy()
    },
    inspect(direction, how) {
      decide = { ...decide, [direction]: how }
    },
    passAll() {
      decide = { 'to-service': pass, 'to-client': pass }
    },
    delayBy(ms) {
      delayMs = ms
    },
    cut,
    async shut() {
      const closed = new Promise((resolve) => server.close(resolve))
      cut()
      await closed
    },
    open: () => listen(port),
  }
}

/** Shut when the test is over. */
export const testGate = async (t: Test, servicePort: number): Promise<Gate> => {
  const gate = await startGate(servicePort)
  t.teardown(() => gate.shut())
  return gate
}

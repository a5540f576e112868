// A socket whose handle has moved must still be a socket: its stream, its back-pressure, its end, and
// the server's count of connections.

import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { loopback } from '../../../../scripts/stack/ports.ts'
import { readInPlace, type InPlaceSocket } from './in-place-socket.ts'

const openPair = async (t: Test) => {
  const accepting = createServer({ pauseOnConnect: true })
  await once(accepting.listen(0, loopback), 'listening')
  t.teardown(() => accepting.close())
  const accepted = once(accepting, 'connection') as Promise<[Socket]>
  const client = connect({
    port: (accepting.address() as AddressInfo).port,
    host: loopback,
    allowHalfOpen: true,
  })
  t.teardown(() => client.destroy())
  const [socket] = await accepted
  return { client, ours: readInPlace(socket), accepting }
}

const readOnce = ({ readWith }: InPlaceSocket) =>
  new Promise<string>((resolve) => {
    readWith((buffer, length) => resolve(buffer.toString('latin1', 0, length)))
  })

void t.test('bytes are read in place first, and from the stream after that', async (t) => {
  const { client, ours } = await openPair(t)
  client.write('first')
  t.equal(await readOnce(ours), 'first')
  ours.readWith(undefined)
  client.write('second')
  const [data] = (await once(ours.socket, 'data')) as [Buffer]
  t.equal(data.toString(), 'second')
})

void t.test(
  'what goes to the stream waits for a slow reader, and none of it is lost',
  async (t) => {
    const { client, ours } = await openPair(t)
    const bytes = Buffer.alloc(20 * 1024 * 1024, 'abcdefg')
    client.end(bytes)
    await once(ours.socket, 'readable')
    await new Promise((resolve) => setTimeout(resolve, 200))
    t.ok(ours.socket.readableLength < 1024 * 1024, 'the client is held up meanwhile')
    t.ok(client.writableLength > 0)
    const chunks: Buffer[] = []
    for await (const chunk of ours.socket) chunks.push(chunk as Buffer)
    t.ok(Buffer.concat(chunks).equals(bytes))
  },
)

void t.test('the end of the input is told, and the other half stays open', async (t) => {
  const { client, ours } = await openPair(t)
  const first = readOnce(ours)
  client.end('bye')
  t.equal(await first, 'bye')
  await once(ours.socket, 'end')
  ours.socket.end('and you')
  const [answer] = (await once(client, 'data')) as [Buffer]
  t.equal(answer.toString(), 'and you')
})

void t.test('the server counts a connection until it is closed', async (t) => {
  const { client, ours, accepting } = await openPair(t)
  const connections = () =>
    new Promise<number>((resolve) => accepting.getConnections((_, count) => resolve(count)))
  t.equal(await connections(), 1)
  const closed = once(ours.socket, 'close')
  ours.readWith(() => {})
  client.destroy()
  ours.socket.resume()
  await once(ours.socket, 'end')
  ours.socket.end()
  await closed
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(await connections(), 0)
})

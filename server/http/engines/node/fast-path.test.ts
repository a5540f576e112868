// What the fast path holds for a client that reads slowly is let go as soon as the client has read it.

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t from 'tap'
import { createReady, createReply } from '../engine.ts'
import { createFastConnection } from './fast-path.ts'
import type { InPlaceReader } from './in-place-socket.ts'
import { createUnsent, type Holder } from '../unsent.ts'
import { createWires } from './wire.ts'

const request = Buffer.from('GET /todos HTTP/1.1\r\nHost: a\r\n\r\n')

t.test('who has read everything holds nothing, and begins anew', (t) => {
  const taken: (() => void)[] = []
  const socket = new Duplex({
    writableHighWaterMark: 256 * 1024,
    read() {},
    write: (_chunk, _encoding, done) => void taken.push(done),
  }) as unknown as Socket
  const unsent = createUnsent(1_000_000)
  const sinceCalls: Holder[] = []
  let reader: InPlaceReader | undefined
  const wires = createWires(5_000)
  const reply = createReady(createReply(200, [], Buffer.alloc(100_000)))
  const parts = {
    app: { ready: () => () => reply, handle: () => reply },
    wires,
    unsent: {
      ...unsent,
      hold(holder: Holder, bytes: Buffer) {
        if (unsent.bytes() === 0) sinceCalls.push(holder)
        unsent.hold(holder, bytes)
      },
    },
    handOver: () => t.fail('handed over'),
    reject: () => t.fail('rejected'),
    isDraining: () => false,
  }
  const inPlace = {
    socket,
    readWith: (next: InPlaceReader | undefined) => void (reader = next),
    stopReading() {},
    startReading() {},
  }
  createFastConnection(inPlace, parts, () => {})
  t.teardown(() => wires.stop())

  for (let i = 1; i <= 3; i++) {
    reader?.(request, request.length)
    t.ok(unsent.bytes() > 0, 'not read yet')
    for (const done of taken.splice(0)) done()
    t.equal(socket.writableLength, 0)
    t.equal(sinceCalls.length, i, 'held since the write that waits, not since one that was read')
  }
  socket.destroy()
  socket.once('close', () => {
    t.equal(unsent.bytes(), 0)
    t.end()
  })
})

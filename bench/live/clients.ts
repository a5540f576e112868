// A process of WebSocket clients for bench:live, on raw sockets: a client library would cost more than the
// server that is measured. It counts what every client hears, and when the last of them did.

import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createFrameReader, frameOf, opcodes } from './frames.ts'
import { eventMark, type ClientsPlan, type ClientsReport } from './messages.ts'

/** In one go; a listen queue holds some hundreds. */
const connectAtOnce = 100
/** All of the loopback network is this machine: each address has its own 28,000 ports. */
const clientsOfAddress = 10_000
/** The 101's head comes whole in practice; the kernel may cut it all the same. */
const headEnd = '\r\n\r\n'

type Client = { readonly socket: Socket; readonly heard: Uint8Array }

const now = () => Number(process.hrtime.bigint()) / 1e6

const run = async (plan: ClientsPlan) => {
  const { path, port, hello, subscribedMark, clients, eventsMax } = plan
  const heardBy = new Uint32Array(eventsMax)
  const lastMs = new Float64Array(eventsMax)
  const all: Client[] = []
  let doubled = 0
  let closed = 0

  const hear = (heard: Uint8Array, payload: Buffer) => {
    const at = payload.indexOf(eventMark)
    if (at < 0) return
    const from = at + eventMark.length
    const number = Number(payload.toString('latin1', from, from + 6))
    if (!(number < eventsMax)) return
    if (heard[number] === 1) doubled++
    else {
      heard[number] = 1
      heardBy[number] = (heardBy[number] ?? 0) + 1
      lastMs[number] = now()
    }
  }

  const open = (i: number) =>
    new Promise<void>((resolve, reject) => {
      const localAddress = `127.0.0.${2 + Math.floor(i / clientsOfAddress)}`
      const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true })
      const heard = new Uint8Array(plan.counts ? eventsMax : 0)
      all.push({ socket, heard })
      let head = ''
      let isOpen = false
      let isSubscribed = false
      const read = createFrameReader((opcode, payload) => {
        if (opcode === opcodes.ping) socket.write(frameOf(opcodes.pong, Buffer.from(payload)))
        else if (opcode !== opcodes.text) return
        else if (isSubscribed) {
          // An empty object is Centrifugo's ping, and its answer.
          if (payload.length <= 3) socket.write(frameOf(opcodes.text, Buffer.from('{}')))
          else if (plan.counts) hear(heard, payload)
        } else if (payload.includes(subscribedMark)) {
          isSubscribed = true
          resolve()
        }
      })
      socket.on('data', (data) => {
        if (isOpen) return read(data)
        head += data.toString('latin1')
        const end = head.indexOf(headEnd)
        if (end < 0) return
        if (!head.startsWith('HTTP/1.1 101')) reject(new Error(head.slice(0, 200)))
        isOpen = true
        for (const text of hello) socket.write(frameOf(opcodes.text, Buffer.from(text)))
        read(Buffer.from(head.slice(end + headEnd.length), 'latin1'))
      })
      socket.on('error', reject)
      socket.on('close', () => {
        closed++
        reject(new Error('closed'))
      })
      const key = randomBytes(16).toString('base64')
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
      )
    })

  for (let i = 0; i < clients; i += connectAtOnce) {
    const some = Math.min(connectAtOnce, clients - i)
    await Promise.all(Array.from({ length: some }, (_, j) => open(i + j)))
    await delay(1)
  }
  return (): ClientsReport => ({
    heardBy: [...heardBy],
    lastMs: [...lastMs],
    doubled,
    closed,
    cpuSeconds: cpuSeconds(),
    atMs: now(),
  })
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

process.on('disconnect', () => process.exit())
process.once('message', (plan: ClientsPlan) => {
  run(plan).then(
    (report) => {
      process.on('message', () => process.send?.(report()))
      process.send?.('ready')
    },
    (error: unknown) => process.send?.({ error: (error as Error).message }),
  )
})

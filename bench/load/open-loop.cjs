// A thread of open load: requests leave at a fixed rate however slow the answers are. Each is timed
// from the moment it was due (no coordinated omission). What is due while every connection is full
// waits, and its wait counts. Connections are kept; each has at most `pipelining` requests in flight.
// They take turns. When the one that was freed last was taken first, most were idle until a burst, and some
// were used just as the server closed them for that: 37 of 2.4 million writes got no answer.
//
// Node's timers know whole milliseconds, so a second thread sleeps between the moments and wakes this one.

const net = require('node:net')
const worker = require('node:worker_threads')
const { claim } = require('./recording.cjs')

/**
 * @typedef {object} ThreadOrder
 * @property {string} host
 * @property {number} port
 * @property {number} connections
 * @property {number} pipelining
 * @property {number} ratePerSecond
 * @property {string} request
 * @property {SharedArrayBuffer} recording
 * @property {number} requestsMax It sends no more than these.
 * @property {import('./load.ts').Marks | undefined} marks
 *
 * @typedef {object} Connection
 * @property {net.Socket} socket
 * @property {number[]} dueUs When each request in flight was due.
 * @property {number[]} numbers The number of each request in flight.
 */

/** Requests that are due within this leave together. */
const tickUs = 250
const connectTimeoutMs = 5_000
const againAfterMs = 100
const headEnd = Buffer.from('\r\n\r\n')
const empty = Buffer.alloc(0)
const readBuffer = Buffer.alloc(64 * 1024)

const nowUs = () => performance.now() * 1000
/** The machine's clock, which other processes can compare with theirs. */
const machineMs = () => Number(process.hrtime.bigint()) / 1e6

/** @param {number} tickMs */
const runPacer = (tickMs) => {
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let next = performance.now() + tickMs; ; next = Math.max(next + tickMs, performance.now())) {
    const waitMs = next - performance.now()
    if (waitMs > 0) Atomics.wait(never, 0, 0, waitMs)
    worker.parentPort?.postMessage(0)
  }
}

/** @param {ThreadOrder} order */
const runLoad = async (order) => {
  const { host, port, connections, pipelining, ratePerSecond, request, recording } = order
  const { requestsMax, marks } = order
  const recorder = claim(recording)
  const perUs = ratePerSecond / 1e6
  const bytes = Buffer.from(request, 'latin1')
  /** In the order in which they became free. @type {Set<Connection>} */
  const free = new Set()
  let startUs = Infinity
  let sent = 0
  let dueBefore = 0

  /** @param {number} number */
  const isMarked = (number) => marks !== undefined && number % marks.every === 0
  /** @param {number} number */
  const bytesOf = (number) => {
    if (marks === undefined || !isMarked(number)) return bytes
    const digits = String(number).padStart(marks.text.length, '0')
    return Buffer.from(request.replace(marks.text, digits), 'latin1')
  }

  const dispatch = () => {
    const due = Math.min(requestsMax, Math.floor((nowUs() - startUs) * perUs))
    if (!(due > 0)) return
    // `dropped` is what is due and not sent at the time of a reading.
    recorder.add('dropped', due - dueBefore)
    dueBefore = due
    for (const connection of free) {
      if (sent >= due) break
      for (; sent < due && connection.dueUs.length < pipelining; sent++) {
        connection.dueUs.push(startUs + sent / perUs)
        connection.numbers.push(sent)
        connection.socket.write(bytesOf(sent))
        recorder.add('sent')
        recorder.add('dropped', -1)
      }
      if (connection.dueUs.length >= pipelining) free.delete(connection)
    }
  }

  /** @type {() => Promise<void>} */
  const openOne = () =>
    new Promise((resolve, reject) => {
      const socket = net.connect({
        host,
        port,
        noDelay: true,
        // One buffer for all: what is kept of it is copied.
        onread: {
          buffer: readBuffer,
          callback(length) {
            take(readBuffer.subarray(0, length))
            return true
          },
        },
      })
      /** @type {Connection} */
      const connection = { socket, dueUs: [], numbers: [] }
      /** @type {Buffer} */
      let rest = empty
      let wasReset = false
      const timer = setTimeout(
        () => socket.destroy(new Error('it does not accept')),
        connectTimeoutMs,
      )
      socket.once('connect', () => {
        clearTimeout(timer)
        recorder.add('open')
        free.add(connection)
        resolve()
        dispatch()
      })
      /** @param {Buffer} chunk */
      const take = (chunk) => {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
        let from = 0
        for (let answer; (answer = parse(rest, from)); from += answer.length) {
          const dueUs = connection.dueUs.shift()
          if (dueUs === undefined) {
            socket.destroy(new Error('an answer that nobody asked for'))
            return
          }
          const latencyUs = nowUs() - dueUs
          recorder.answer(answer.status, answer.length, latencyUs)
          const number = connection.numbers.shift() ?? 0
          if (isMarked(number)) {
            const atMs = machineMs()
            const dueAtMs = atMs - latencyUs / 1000
            worker.parentPort?.postMessage({ number, status: answer.status, atMs, dueAtMs })
          }
          if (connection.dueUs.length === pipelining - 1) free.add(connection)
        }
        rest = from === rest.length ? empty : Buffer.from(rest.subarray(from))
        dispatch()
      }
      socket.on('error', (error) => {
        wasReset = true
        reject(error)
      })
      socket.on('close', () => {
        clearTimeout(timer)
        free.delete(connection)
        if (startUs === Infinity) return
        recorder.add(wasReset ? 'resets' : 'closed')
        recorder.add('lost', connection.dueUs.length)
        recorder.add('open', -1)
        setTimeout(() => void openOne().catch(() => {}), wasReset ? againAfterMs : 0)
      })
    })

  await Promise.all(Array.from({ length: connections }, openOne))
  // No finer than what is asked for: a wake-up costs more than a request.
  const pacerTickUs = Math.max(tickUs, 1 / perUs)
  const pacer = new worker.Worker(__filename, { workerData: { pacerTickUs } })
  pacer.on('message', dispatch)
  pacer.unref()
  startUs = nowUs()
}

/**
 * The answer that begins at `from`; undefined until it is whole.
 * @type {(buffer: Buffer, from: number) => { status: number, length: number } | undefined}
 */
const parse = (buffer, from) => {
  const end = buffer.indexOf(headEnd, from)
  if (end === -1) return undefined
  const head = buffer.toString('latin1', from, end)
  const status = Number(head.slice(9, 12))
  const isEmpty = status === 204 || status === 304
  const length = isEmpty ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? NaN)
  if (Number.isNaN(length)) throw new Error('an answer without Content-Length')
  const whole = end - from + headEnd.length + length
  return buffer.length - from < whole ? undefined : { status, length: whole }
}

if (!worker.isMainThread) {
  const order = /** @type {ThreadOrder | { readonly pacerTickUs: number }} */ (worker.workerData)
  if ('pacerTickUs' in order) runPacer(order.pacerTickUs / 1000)
  else void runLoad(order)
}

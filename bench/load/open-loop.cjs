// A thread of open load: requests leave at a fixed rate however slow the answers are, and each is timed
// from the moment it was due (no coordinated omission). What is due while every connection is full
// waits, and its wait counts. Connections are kept; each has at most `pipelining` requests in flight.
//
// Node's timers know whole milliseconds, so a second thread sleeps between the moments and wakes this one.

const net = require('node:net')
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads')
const { claim } = require('./recording.cjs')

/** Requests that are due within this leave together. */
const tickUs = 250
const connectTimeoutMs = 5_000
const againAfterMs = 100
const headEnd = Buffer.from('\r\n\r\n')

const nowUs = () => performance.now() * 1000

const runPacer = () => {
  const never = new Int32Array(new SharedArrayBuffer(4))
  const tickMs = workerData.pacerTickUs / 1000
  for (let next = performance.now() + tickMs; ; next = Math.max(next + tickMs, performance.now())) {
    const waitMs = next - performance.now()
    if (waitMs > 0) Atomics.wait(never, 0, 0, waitMs)
    parentPort.postMessage(0)
  }
}

const runLoad = async ({
  host,
  port,
  connections,
  pipelining,
  ratePerSecond,
  request,
  recording,
}) => {
  const recorder = claim(recording)
  const perUs = ratePerSecond / 1e6
  const bytes = Buffer.from(request, 'latin1')
  const free = []
  let startUs = Infinity
  let sent = 0
  let dueBefore = 0

  const dispatch = () => {
    const due = Math.floor((nowUs() - startUs) * perUs)
    if (!(due > 0)) return
    // `dropped` is what is due and not sent at the time of a reading.
    recorder.add('dropped', due - dueBefore)
    dueBefore = due
    while (sent < due && free.length > 0) {
      const connection = free[free.length - 1]
      connection.dueUs.push(startUs + sent / perUs)
      connection.socket.write(bytes)
      sent++
      recorder.add('sent')
      recorder.add('dropped', -1)
      if (connection.dueUs.length >= pipelining) free.pop()
    }
  }

  const openOne = () =>
    new Promise((resolve, reject) => {
      const socket = net.connect({ host, port, noDelay: true })
      const connection = { socket, dueUs: [] }
      let rest = Buffer.alloc(0)
      let wasReset = false
      const timer = setTimeout(
        () => socket.destroy(new Error('it does not accept')),
        connectTimeoutMs,
      )
      socket.once('connect', () => {
        clearTimeout(timer)
        recorder.add('open')
        free.push(connection)
        resolve()
        dispatch()
      })
      socket.on('data', (chunk) => {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
        let from = 0
        for (let answer; (answer = parse(rest, from)); from += answer.length) {
          const dueUs = connection.dueUs.shift()
          if (dueUs === undefined) {
            socket.destroy(new Error('an answer that nobody asked for'))
            return
          }
          recorder.answer(answer.status, answer.length, nowUs() - dueUs)
          if (connection.dueUs.length === pipelining - 1) free.push(connection)
        }
        rest = rest.subarray(from)
        dispatch()
      })
      socket.on('error', (error) => {
        wasReset = true
        reject(error)
      })
      socket.on('close', () => {
        clearTimeout(timer)
        const index = free.indexOf(connection)
        if (index >= 0) free.splice(index, 1)
        if (startUs === Infinity) return
        recorder.add(wasReset ? 'resets' : 'closed')
        recorder.add('lost', connection.dueUs.length)
        recorder.add('open', -1)
        setTimeout(() => openOne().catch(() => {}), wasReset ? againAfterMs : 0)
      })
    })

  await Promise.all(Array.from({ length: connections }, openOne))
  // No finer than what is asked for: a wake-up costs more than a request.
  const pacerTickUs = Math.max(tickUs, 1 / perUs)
  const pacer = new Worker(__filename, { workerData: { pacerTickUs } })
  pacer.on('message', dispatch)
  pacer.unref()
  startUs = nowUs()
}

/** The answer that begins at `from`; undefined until it is whole. */
const parse = (buffer, from) => {
  const end = buffer.indexOf(headEnd, from)
  if (end === -1) return undefined
  const head = buffer.latin1Slice(from, end)
  const status = Number(head.slice(9, 12))
  const isEmpty = status === 204 || status === 304
  const length = isEmpty ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? NaN)
  if (Number.isNaN(length)) throw new Error('an answer without Content-Length')
  const whole = end - from + headEnd.length + length
  return buffer.length - from < whole ? undefined : { status, length: whole }
}

if (!isMainThread) {
  if (workerData.pacerTickUs) runPacer()
  else runLoad(workerData)
}

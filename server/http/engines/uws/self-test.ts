// Looks at the uWebSockets.js binary before the server relies on it: builds differ in what they get
// wrong on the wire. Runs once, in the primary, on a loopback socket.

import { connect } from 'node:net'
import { loadUws, officialBuild } from './load.ts'

const answerWaitMs = 1_000
/** Long enough that the kernel does not join the two parts of a torn request. */
const tearMs = 20

/** One line that says what failed and what to do, or undefined. Rejects when there is no binary. */
export const selfTest = async (): Promise<string | undefined> => {
  const uws = await loadUws()
  const app = uws.App().any('/*', (response) => {
    response.end('ok')
  })
  const port = await new Promise<number>((resolve, reject) => {
    app.listen('127.0.0.1', 0, (socket) => {
      if (socket) resolve(uws.us_socket_local_port(socket))
      else reject(new Error('uWebSockets.js can not listen on 127.0.0.1'))
    })
  })
  try {
    const faults: string[] = []
    const torn = await statusOf(port, ['GET /torn HT', 'TP/1.1\r\nHost: a\r\n\r\n'])
    if (torn !== 200)
      faults.push(`a request line split across packets is answered ${torn ?? 'with nothing'}`)
    const post = 'POST / HTTP/1.1\r\nHost: a\r\n'
    const lengths = await statusOf(port, [
      `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    ])
    if (lengths === 200) faults.push('two differing Content-Lengths are accepted')
    const coding = await statusOf(port, [`${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`])
    if (coding === 200) faults.push('Transfer-Encoding: xchunked is accepted')
    if (faults.length === 0) return undefined
    return `this build of uWebSockets.js fails its self-test (${faults.join('; ')}): do not face the internet with it; ${officialBuild}; or set HTTP_ENGINE=node`
  } finally {
    app.close()
  }
}

/** The status of the first answer to `parts`, sent with a pause between; undefined without one. */
const statusOf = (port: number, parts: readonly string[]): Promise<number | undefined> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    let answer = ''
    const done = () => {
      clearTimeout(deadline)
      socket.destroy()
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]
      resolve(status === undefined ? undefined : Number(status))
    }
    const deadline = setTimeout(done, answerWaitMs)
    socket.on('error', done)
    socket.on('close', done)
    socket.on('data', (data) => {
      answer += data.toString('latin1')
      done()
    })
    const sendFrom = (index: number) => {
      const part = parts[index]
      if (part === undefined || socket.destroyed) return
      socket.write(part)
      setTimeout(() => sendFrom(index + 1), tearMs)
    }
    socket.on('connect', () => sendFrom(0))
  })

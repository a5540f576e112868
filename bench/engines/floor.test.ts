// The floor answers as many requests as were sent, however they are cut, and to clients that do not
// read for a while. Else it would be the floor of something else.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { findProgram } from '../../scripts/stack/service.ts'
import { testDirectory } from '../../testing/services.ts'
import { runProgram, startPeer } from './programs.ts'

const cc = findProgram('cc')
const canRun = process.platform === 'linux' && cc !== undefined

t.test('the floor', { skip: canRun ? false : 'it needs Linux and cc' }, async (t) => {
  const directory = await testDirectory(t)
  const answers = ['ten', 'a thousand'.repeat(20_000)]
  const files = answers.map((_, i) => join(directory, `${i}`))
  for (const [i, file] of files.entries()) await writeFile(file, answers[i] as string)
  const program = join(directory, 'floor')
  const source = fileURLToPath(new URL('../peers/floor.c', import.meta.url))
  const { signal } = new AbortController()
  await runProgram(cc as string, ['-O2', '-Wall', '-Werror', '-o', program, source], { signal })
  const floor = await startPeer(program, files)
  t.teardown(() => floor.stop())

  const open = async () => {
    const socket = connect(floor.port, '127.0.0.1').setNoDelay()
    const chunks: Buffer[] = []
    await once(socket, 'connect')
    const read = async (bytes: number) => {
      for (let total = 0; total < bytes;) {
        const [chunk] = (await once(socket, 'data')) as [Buffer]
        chunks.push(chunk)
        total += chunk.length
      }
      return Buffer.concat(chunks).toString()
    }
    t.teardown(() => socket.destroy())
    return { socket, read }
  }
  const request = (limit: number) => `GET /todos?limit=${limit} HTTP/1.1\r\nHost: a\r\n\r\n`

  await t.test('two requests, cut at every byte of the second', async (t) => {
    const bytes = request(10) + request(10)
    for (let cut = request(10).length; cut < bytes.length; cut++) {
      const { socket, read } = await open()
      socket.write(bytes.slice(0, cut))
      const first = await read(3)
      socket.write(bytes.slice(cut))
      t.equal(first, 'ten')
      t.equal(await read(3), 'tenten', `cut at ${cut}`)
    }
  })

  await t.test('a client that reads late gets every byte, in order', async (t) => {
    const { socket, read } = await open()
    socket.pause()
    socket.write(request(1000).repeat(200))
    await delay(50) // as long as it takes to fill the socket
    const reading = read(200 * 200_000)
    socket.resume()
    t.ok((await reading) === answers[1]?.repeat(200))
    socket.write(request(1000))
    t.ok((await read(200_000)).length === 201 * 200_000, 'and is heard again')
  })

  await t.test('a client that leaves while it is answered costs the others nothing', async (t) => {
    for (let i = 0; i < 50; i++) {
      const leaver = await open()
      leaver.socket.write(request(1000).repeat(50))
      await leaver.read(1)
      leaver.socket.destroy()
    }
    const { socket, read } = await open()
    socket.write(request(10))
    t.equal(await read(3), 'ten')
  })

  await t.test('it ends when its starter does, however that ended', async (t) => {
    const other = spawn(program, files, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(other.stdout, 'data')
    other.stdin.end()
    t.strictSame(await once(other, 'exit'), [0, null])
  })
})

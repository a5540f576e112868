// The peer: Centrifugo, with its engine in memory. Built by Go into its own cache; without Go it is left
// out, with the reason.

import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { accepts, freePort } from '../../scripts/stack/ports.ts'
import { residentKib } from '../engines/memory.ts'
import { runProgram } from '../engines/programs.ts'
import { findGo } from '../writes/reference.ts'
import { post } from './post.ts'
import type { LiveSystem } from './system.ts'

/** Pinned: another version is another measurement. */
const centrifugoModule = 'github.com/centrifugal/centrifugo/v6@v6.9.1'
const startTimeoutMs = 10_000

/** Compiles it into `directory`: two minutes the first time, then seconds. Throws why it can't be. */
export const buildCentrifugo = async (directory: string, signal: AbortSignal): Promise<string> => {
  const go = findGo()
  if (go === undefined) throw new Error('there is no Go on this machine (go.dev/dl)')
  try {
    const args = [`GOBIN=${directory}`, go, 'install', centrifugoModule]
    await runProgram('env', args, { cwd: directory, signal })
    return join(directory, 'centrifugo')
  } catch (error) {
    signal.throwIfAborted()
    const last = (error as Error).message.trim().split('\n').at(-1) ?? ''
    throw new Error(`go install ${centrifugoModule} failed: ${last}`, { cause: error })
  }
}

export const startCentrifugo = async (program: string, directory: string): Promise<LiveSystem> => {
  const port = await freePort()
  const file = join(directory, 'centrifugo.json')
  const key = 'for-benchmarks-on-loopback-alone'
  await writeFile(
    file,
    JSON.stringify({
      http_server: { address: '127.0.0.1', port },
      http_api: { key },
      client: { insecure: true },
      // As ours: whoever was away for a moment gets what was missed.
      channel: { without_namespace: { history_size: 1_000, history_ttl: '1h' } },
      log: { level: 'error' },
    }),
  )
  // One core's worth of threads, as ours is one process.
  const env = { ...process.env, GOMAXPROCS: '1' }
  const child = spawn(program, ['-c', file], { env, stdio: 'ignore' })
  const pid = child.pid ?? 0
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const stop = async () => {
    process.off('exit', kill)
    kill()
    await exited
  }
  const untilMs = performance.now() + startTimeoutMs
  for (;;) {
    try {
      await accepts(port)
      break
    } catch (error) {
      if (performance.now() > untilMs || child.exitCode !== null) {
        await stop()
        throw new Error('centrifugo did not start', { cause: error })
      }
      await delay(50)
    }
  }
  const options = { headers: { 'X-API-Key': key }, expected: 200 }
  return {
    name: 'centrifugo',
    port,
    pid,
    pids: [pid],
    memory: {
      how: 'RSS, with what Go keeps for later',
      kib: () => Promise.resolve(residentKib([pid])),
    },
    path: '/connection/websocket',
    hello: ['{"id":1,"connect":{}}', '{"id":2,"subscribe":{"channel":"todos"}}'],
    subscribedMark: '"subscribe"',
    publish(title) {
      // As long as one of our events.
      const at = '2026-01-31T12:00:00.000Z'
      const todo = { id: 'kT5bJb9jQmWv3rVbQm1XqQ-0000000042', title, description: '' }
      const rest = { completed: false, user_id: 'bench', created_at: at, updated_at: at }
      const data = { kind: 'created', by: 'bench', revision: 1, todo: { ...todo, ...rest } }
      return post(port, '/api/publish', options, JSON.stringify({ channel: 'todos', data }))
    },
    stop,
  }
}

// Clients that are programs of their own: Python's `websockets`, and curl for event streams. For tests.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { ServiceMissing } from '../../../scripts/stack/service.ts'
import { createForeignClient, type ForeignClient, type Report } from './bridge.ts'

/** Debian's, which has the package; what comes first in PATH may be another. */
const python = '/usr/bin/python3'
const script = fileURLToPath(new URL('sockets.py', import.meta.url))

export const pythonClient = async (t: Test): Promise<ForeignClient> => {
  const check = spawn(python, ['-c', 'import websockets'], { stdio: 'ignore' })
  const isThere = await new Promise((resolve) => {
    check.once('error', () => resolve(false))
    check.once('exit', (code) => resolve(code === 0))
  })
  if (!isThere)
    throw new ServiceMissing("Python's websockets", 'apt-get install python3-websockets')
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  return createForeignClient("Python's websockets", true, (report) => {
    createInterface(child.stdout).on('line', (line) => report(JSON.parse(line) as Report))
    return (command) => void child.stdin.write(`${JSON.stringify(command)}\n`)
  })
}

export type StreamEvent = { readonly id: string; readonly event: string; readonly data: string }
export type EventStreamReader = {
  /** The next that has data; undefined: the stream has ended. */
  next(): Promise<StreamEvent | undefined>
  stop(): void
}

/** `headers`: as they are typed. */
export const curlEvents = (
  t: Test,
  url: string,
  ...headers: readonly string[]
): EventStreamReader => {
  const child = spawn('curl', ['-sSN', ...headers.flatMap((one) => ['-H', one]), url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill())
  const queue: (StreamEvent | undefined)[] = []
  let wake = () => {}
  let fields: Record<string, string> = {}
  const lines = createInterface(child.stdout)
  const push = (event: StreamEvent | undefined) => {
    queue.push(event)
    wake()
  }
  lines.on('line', (line) => {
    const [, name = '', value = ''] = /^(\w*): ?(.*)$/.exec(line) ?? []
    if (line !== '') fields[name] = value
    else {
      const { id = '', event = 'message', data } = fields
      if (data !== undefined) push({ id, event, data })
      fields = {}
    }
  })
  lines.on('close', () => push(undefined))
  return {
    async next() {
      while (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return queue.shift()
    },
    stop: () => void child.kill(),
  }
}

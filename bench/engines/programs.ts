// Runs other programs for the benchmark: one that is to end, and a peer that is to listen. None
// outlives this process, however that ends.

import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { Started } from './subjects.ts'

const startTimeoutMs = 20_000

// A peer also ends when its stdin does, which covers a SIGKILL of ours.
const running = new Set<ChildProcess>()
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')))

const track = (child: ChildProcess): Promise<string> => {
  running.add(child)
  return new Promise((resolve) => {
    const end = (how: string) => {
      running.delete(child)
      resolve(how)
    }
    child.once('error', (error) => end(error.message))
    child.once('close', (code, signal) => end(signal ?? `exit code ${code}`))
  })
}

export const runProgram = async (
  command: string,
  args: readonly string[],
  { cwd, signal }: { readonly cwd?: string; readonly signal: AbortSignal },
): Promise<void> => {
  const child = spawn(command, args, { cwd, signal, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (output += data.toString()))
  }
  const how = await track(child)
  if (how !== 'exit code 0') throw new Error(`${command}: ${how}\n${output.trim()}`)
}

/** Starts a program that prints `listening <port>`. */
export const startPeer = async (command: string, args: readonly string[]): Promise<Started> => {
  const child = spawn(command, args, { stdio: 'pipe' })
  const exited = track(child)
  child.stdin.on('error', () => {})
  let complaints = ''
  void exited.then((how) => (complaints += `it ended: ${how}\n`))
  child.stderr.on('data', (data: Buffer) => (complaints += data.toString()))
  const listening = new Promise<number>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      const port = /^listening (\d+)$/.exec(line)?.[1]
      if (port !== undefined) resolve(Number(port))
    })
  })
  const late = delay(startTimeoutMs, `not listening after ${startTimeoutMs / 1000} s`, {
    ref: false,
  })
  const first = await Promise.race([listening, exited, late])
  if (typeof first === 'string') {
    child.kill('SIGKILL')
    throw new Error(
      `it did not start: ${first} ${complaints.trim().split('\n').at(-1) ?? ''}`.trim(),
    )
  }
  return {
    pid: child.pid as number,
    port: first,
    complaints: () => complaints,
    async stop() {
      // Nothing to drain, and none of them has anything to lose.
      child.kill('SIGKILL')
      await exited
    },
  }
}

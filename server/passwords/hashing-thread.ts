// The thread that hashes: bcrypt, synchronously, at the lowest priority that the system has, so that
// it takes what the event loops leave. Only Linux gives one thread of a process a priority of its own.

import bcrypt from 'bcrypt'
import { readlinkSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { basename } from 'node:path'
import { parentPort } from 'node:worker_threads'

export type Job =
  | { readonly kind: 'hash'; readonly password: string; readonly cost: number }
  | { readonly kind: 'compare'; readonly password: string; readonly hash: string }
export type Hashed = string | boolean

const giveWay = () => {
  if (process.platform !== 'linux') return
  try {
    const threadId = Number(basename(readlinkSync('/proc/thread-self')))
    setPriority(threadId, constants.priority.PRIORITY_LOW)
  } catch {
    // A sandbox without /proc: it hashes all the same, as one thread among others.
  }
}

giveWay()
parentPort?.on('message', (job: Job) => {
  const result =
    job.kind === 'hash'
      ? bcrypt.hashSync(job.password, job.cost)
      : bcrypt.compareSync(job.password, job.hash)
  parentPort?.postMessage(result satisfies Hashed)
})

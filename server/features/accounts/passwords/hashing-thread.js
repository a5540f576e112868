// The thread that hashes: bcrypt, synchronously, at the lowest priority that the system has, so that
// it takes what the event loops leave. With a process on one core, under forty logins at a time, wrk
// -c32 got 0.90 to 0.98 of the list reads that it got without them, in four rounds of five (0.43 in the
// first, of which nobody knows why); at normal priority 0.49. Only Linux gives one thread of a process
// a priority of its own.
// JavaScript, because a thread of Node 20 has no loader for anything else.

import bcrypt from 'bcrypt'
import { readlinkSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { basename } from 'node:path'
import { parentPort } from 'node:worker_threads'

/** @import { Job } from './thread-hasher.ts' */

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
parentPort?.on('message', (/** @type {Job} */ job) => {
  parentPort?.postMessage(
    job.kind === 'hash'
      ? bcrypt.hashSync(job.password, job.cost)
      : bcrypt.compareSync(job.password, job.hash),
  )
})

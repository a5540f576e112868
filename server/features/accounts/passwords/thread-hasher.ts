// bcrypt in a thread of its own, started on first use. It takes one password at a time.

import { Worker } from 'node:worker_threads'
import type { Hasher } from './passwords.ts'

/** What the thread is asked. */
export type Job =
  | { readonly kind: 'hash'; readonly password: string; readonly cost: number }
  | { readonly kind: 'compare'; readonly password: string; readonly hash: string }
type Hashed = string | boolean

type Waiting = { resolve(result: Hashed): void; reject(error: Error): void }

const threadUrl = new URL('hashing-thread.js', import.meta.url)

export const createThreadHasher = (): Hasher => {
  let thread: Worker | undefined
  let waiting: Waiting | undefined

  const start = (): Worker => {
    // Without the loaders that its process may have.
    const started = new Worker(threadUrl, { name: 'passwords', execArgv: [] })
    started.on('message', (result: Hashed) => {
      // A process that has nothing else to do may end.
      started.unref()
      waiting?.resolve(result)
      waiting = undefined
    })
    const fail = (error: Error) => {
      if (thread !== started) return
      thread = undefined // the next password starts another
      waiting?.reject(error)
      waiting = undefined
    }
    started.on('error', fail)
    started.on('exit', (code) => fail(new Error(`the hashing thread ended (${code})`)))
    return started
  }

  const ask = (job: Job): Promise<Hashed> =>
    new Promise((resolve, reject) => {
      if (waiting) throw new Error('one password at a time')
      waiting = { resolve, reject }
      thread ??= start()
      thread.ref()
      thread.postMessage(job)
    })

  return {
    async hash(password, cost) {
      return (await ask({ kind: 'hash', password, cost })) as string
    },
    async compare(password, hash) {
      return (await ask({ kind: 'compare', password, hash })) as boolean
    },
    async close() {
      await thread?.terminate()
    },
  }
}

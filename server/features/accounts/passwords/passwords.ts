// Passwords hashed and checked, one at a time, those that wait bounded in number and in time. A
// flood of logins costs the machine one thread at the lowest priority, and everything else goes on.

import { isPossiblePassword, normalisePassword } from '../../../../lib/domain/credentials.ts'
import { createKeyedSemaphore } from '../../../../lib/runtime/keyed-semaphore.ts'

export type Hasher = {
  hash(password: string, cost: number): Promise<string>
  compare(password: string, hash: string): Promise<boolean>
  close(): Promise<void>
}

export type Busy = { readonly kind: 'busy'; readonly reason: string }
export type Hashed = { readonly kind: 'hashed'; readonly hash: string }
/** `isOutdated`: to be hashed again, at today's cost and in its one spelling. */
export type Checked =
  | { readonly kind: 'right'; readonly isOutdated: boolean }
  | { readonly kind: 'wrong' }

export type Passwords = {
  /** `client`: whose it is; one client may have a quarter of those that wait, and no more. */
  hash(password: string, client: string): Promise<Hashed | Busy>
  /**
   * One comparison for each spelling, whatever is asked: with no `hash` there is no such account, which
   * takes as long. Older hashes are of passwords as they were sent.
   */
  check(password: string, hash: string | undefined, client: string): Promise<Checked | Busy>
  close(): Promise<void>
}

export const createPasswords = (
  { cost, queueMax, waitMaxMs }: { cost: number; queueMax: number; waitMaxMs: number },
  hasher: Hasher,
): Passwords => {
  const queue: (() => Promise<void>)[] = []
  /** Count per client: those that wait and the one that is being hashed. */
  const pending = createKeyedSemaphore()
  const pendingMax = Math.max(1, Math.floor(queueMax / clientsServed))
  let running = false

  const runAll = async () => {
    if (running) return
    running = true
    for (let next = queue.shift(); next; next = queue.shift()) await next()
    running = false
  }

  const inTurn = <T>(client: string, work: () => Promise<T>): Promise<T | Busy> => {
    if (queue.length >= queueMax || !pending.take(client, pendingMax)) return Promise.resolve(full)
    return new Promise((resolve, reject) => {
      const job = () =>
        work()
          .then(resolve, reject)
          .finally(() => {
            clearTimeout(timer)
            pending.leave(client)
          })
      const timer = setTimeout(() => {
        // Nobody waits for it any more, so its place is another's. Once begun, it can't be stopped.
        const place = queue.indexOf(job)
        if (place !== -1) {
          queue.splice(place, 1)
          pending.leave(client)
        }
        resolve(late)
      }, waitMaxMs)
      queue.push(job)
      void runAll()
    })
  }

  const isRight = async (spelling: string, hash: string | undefined) => {
    const isPossible = isPossiblePassword(spelling)
    const against = hash !== undefined && isPossible ? hash : hashOfNone(cost)
    const isSame = await hasher.compare(isPossible ? spelling : impossiblePassword, against)
    return isSame && against === hash
  }

  return {
    hash: (password, client) =>
      inTurn(client, async () => ({ kind: 'hashed', hash: await hasher.hash(password, cost) })),
    check(password, hash, client) {
      const normalised = normalisePassword(password)
      const spellings = normalised === password ? [password] : [normalised, password]
      return inTurn(client, async () => {
        for (const spelling of spellings) {
          if (!(await isRight(spelling, hash))) continue
          const isOld = spelling !== normalised || costOf(hash ?? '') < cost
          // One that only its old spelling keeps within bounds stays as it is.
          return { kind: 'right', isOutdated: isOld && isPossiblePassword(normalised) }
        }
        return { kind: 'wrong' }
      })
    },
    close: hasher.close,
  }
}

/** One client that never stops leaves three quarters of the places to others. */
const clientsServed = 4

/** For the document, too. */
export const queueIsFull = 'too many passwords are waiting to be checked'
const full: Busy = { kind: 'busy', reason: queueIsFull }
const late: Busy = { kind: 'busy', reason: 'no password could be checked in time' }

const impossiblePassword = 'x'.repeat(16)

/** Well-formed, of no password that anybody knows; compared as slowly as one of an account. */
const hashOfNone = (cost: number): string =>
  `$2b$${String(cost).padStart(2, '0')}$N0such0accountN0such0uN0such0accountN0such0accountN0s`

/** Reads 12 from `$2b$12$…`. */
const costOf = (hash: string): number => Number(hash.slice(4, 6))

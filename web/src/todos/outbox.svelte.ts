// The user's changes on their way: kept before they are shown, sent in the order of each todo, tried again until
// the server has said yes or no.

import { SvelteMap } from 'svelte/reactivity'
import { nextToSend, newTodoId, rebased, type Change, type What } from './change.ts'
import { createKeptChanges, type KeptChanges, type KeyValue } from './kept-changes.ts'
import { sendChange, type Api } from './send-change.ts'
import type { ListId, Todo } from './todo.ts'

/** A browser keeps 5 MB for a page; a change is 3 kB at most. */
const changesMax = 500
/** Todos that are written at once. */
const atOnceMax = 4
/** After the first failure; twice as long after each other, up to the last. */
const retryMs = { first: 500, last: 30_000 }
/** How long what is deleted can be had back. */
export const undoMs = 6_000

export type Applied = {
  readonly change: Change
  readonly todo: Todo | undefined
  readonly etag: string | undefined
}

export type OutboxParts = {
  readonly api: Api
  readonly storage: KeyValue
  readonly user: string
  readonly onApplied: (applied: Applied) => void
}

export const createOutbox = ({ api, storage, user, onApplied }: OutboxParts) => {
  const kept: KeptChanges = createKeptChanges(storage, user)
  let changes = $state.raw<readonly Change[]>(kept.read())
  let isReached = $state(true)
  let isClosed = false
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const inFlight = new SvelteMap<string, true>()

  const put = (change: Change) => {
    kept.keep(change)
    changes = changes.map((one) => (one.key === change.key ? change : one))
  }
  const drop = (key: string) => {
    kept.forget(key)
    changes = changes.filter((one) => one.key !== key)
  }

  const run = () => {
    clearTimeout(timer)
    if (isClosed) return
    const now = Date.now()
    for (const change of nextToSend(changes, now)) {
      if (inFlight.size >= atOnceMax) break
      if (!inFlight.has(change.key)) void send(change)
    }
    // Those that can be had back for a while yet.
    const waiting = changes.filter(({ state }) => state.kind === 'waiting')
    const nextMs = Math.min(...waiting.map(({ sendAtMs }) => sendAtMs).filter((at) => at > now))
    if (Number.isFinite(nextMs)) timer = setTimeout(run, nextMs - now)
  }

  /** Another tab may be sending it: the key makes it one write, the lock one request. */
  const send = async (change: Change) => {
    inFlight.set(change.key, true)
    try {
      await navigator.locks.request(`todos.change.${change.key}`, () => sendNow(change.key))
    } finally {
      inFlight.delete(change.key)
    }
    if (failures === 0) run()
  }

  const sendNow = async (key: string) => {
    const before = changes.find((one) => one.key === key)
    if (!before || isClosed) return
    const sending: Change = { ...before, state: { kind: 'sending', sinceMs: Date.now() } }
    changes = changes.map((one) => (one.key === key ? sending : one))
    const outcome = await sendChange(api, sending, (etag) => {
      if (sending.what.kind !== 'create') put({ ...sending, what: { ...sending.what, etag } })
    })
    if (isClosed) return
    const now = changes.find((one) => one.key === key) ?? sending
    isReached = outcome.kind !== 'later' || outcome.isReached
    if (outcome.kind !== 'later') failures = 0
    switch (outcome.kind) {
      case 'applied': {
        const { todo, etag } = outcome
        const rest = rebased(changes, now, todo, etag)
        // First those that are to know the todo's new id, then this one: a crash between loses nothing.
        for (const one of rest) if (one.todoId !== idIn(changes, one.key)) kept.keep(one)
        kept.forget(key)
        onApplied({ change: now, todo, etag })
        changes = rest
        return
      }
      case 'refused':
        return put({ ...now, state: { kind: 'refused', why: outcome.why } })
      case 'conflict':
        return put({
          ...now,
          state: { kind: 'conflict', theirs: outcome.theirs, etag: outcome.etag },
        })
      case 'later': {
        failures++
        const pause = Math.min(retryMs.first * 2 ** (failures - 1), retryMs.last)
        put({ ...now, state: { kind: 'waiting' } })
        clearTimeout(timer)
        timer = setTimeout(
          () => {
            failures = Math.min(failures, 10)
            run()
          },
          outcome.afterMs ?? pause * (0.5 + Math.random() / 2),
        )
      }
    }
  }

  run()
  return {
    get changes() {
      return changes
    },
    /** The last attempt found a server. */
    get isReached() {
      return isReached
    },
    /** False where there are too many already: nothing is taken that might be lost. */
    add(list: ListId, todoId: string | undefined, what: What, delayMs = 0): boolean {
      if (changes.length >= changesMax) return false
      const key = crypto.randomUUID()
      const madeAtMs = Date.now()
      const change: Change = {
        key,
        list,
        todoId: todoId ?? newTodoId(key),
        madeAtMs,
        sendAtMs: madeAtMs + delayMs,
        what,
        state: { kind: 'waiting' },
      }
      if (!kept.keep(change)) return false
      changes = [...changes, change]
      run()
      return true
    },
    giveUp: (key: string) => drop(key),
    /** As another write: what was refused under a key stays refused. */
    again(change: Change, what: What = change.what) {
      drop(change.key)
      this.add(change.list, change.todoId.startsWith('new-') ? undefined : change.todoId, what)
    },
    /** Now, whatever the pause: the network is back, or somebody has logged in. */
    retry() {
      failures = 0
      run()
    },
    /** What another tab has done with them. */
    reread() {
      const stored = kept.read()
      const sending = changes.filter(({ key }) => inFlight.has(key))
      const keys = new Set(sending.map(({ key }) => key))
      changes = [...sending, ...stored.filter(({ key }) => !keys.has(key))].sort(
        (a, b) => a.madeAtMs - b.madeAtMs,
      )
    },
    close() {
      isClosed = true
      clearTimeout(timer)
    },
    /** For whoever leaves this browser for good. */
    clear: () => kept.clear(),
  }
}
export type Outbox = ReturnType<typeof createOutbox>

const idIn = (changes: readonly Change[], key: string): string | undefined =>
  changes.find((one) => one.key === key)?.todoId

// The user's changes on their way: kept before they are shown, sent in the order of each todo, tried again until
// the server has said yes or no.

import { SvelteMap } from 'svelte/reactivity'
import { isNewId, nextToSend, newTodoId, rebased, type Change, type What } from './change.ts'
import { createKeptChanges, type KeptChanges, type KeyValue } from './kept-changes.ts'
import { sendChange, type Api } from './send-change.ts'
import type { ListId, Todo } from './todo.ts'

/** A browser keeps 5 MB for a page; a change is 3 kB at most. */
const changesMax = 500
/** Todos that are written at once. */
const atOnceMax = 4
/** After the first failure; twice as long after each other, up to the last. */
const retryMs = { first: 500, last: 30_000 }
/** Whatever a server or what is before it asks for. */
const retryAfterMaxMs = 300_000
/** What is acknowledged and not applied yet is asked for again. */
const acceptedMs = 1_000
/**
 * So often, which is 10 min where the server waits each time. Then it is let go, for the log has it: its todo may
 * have been deleted since, and then nobody ever says more of it.
 */
const acceptedMax = 30
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
  /** One tab at a time sends a change. */
  readonly locks: { request<T>(name: string, run: () => Promise<T>): Promise<T> }
  readonly user: string
  /** How the id begins that the server makes of a key. */
  readonly idStartOf: (user: string, key: string) => Promise<string>
  readonly onApplied: (applied: Applied) => void
}

export const createOutbox = (parts: OutboxParts) => {
  const { api, storage, locks, user, idStartOf, onApplied } = parts
  const kept: KeptChanges = createKeptChanges(storage, user)
  let changes = $state.raw<readonly Change[]>(kept.read())
  let isReached = $state(true)
  let isClosed = false
  let failures = 0
  /** Nothing is sent before: the server was not to be had, or has asked for it. */
  let pauseUntilMs = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const inFlight = new SvelteMap<string, true>()

  const put = (change: Change) => {
    if (!changes.some(({ key }) => key === change.key)) return // given up meanwhile
    kept.keep(change)
    changes = changes.map((one) => (one.key === change.key ? change : one))
  }
  /** Another write in its place: what was refused under a key stays refused. */
  const replace = (change: Change, what: What) => {
    if (!changes.some(({ key }) => key === change.key)) return
    const key = crypto.randomUUID()
    const isAnew = what.kind === 'create' && !isNewId(change.todoId)
    const todoId = isAnew ? newTodoId(key) : change.todoId
    const state = { kind: 'waiting' } as const
    const unsent = { idStart: undefined, accepted: undefined, sendAtMs: 0, state }
    const next: Change = { ...change, ...unsent, key, todoId, what }
    const moved = changes.map((one) => {
      if (one.key === change.key) return next
      return isAnew && one.todoId === change.todoId ? { ...one, todoId } : one
    })
    for (const one of moved) if (one.todoId !== idIn(changes, one.key)) kept.keep(one)
    kept.keep(next)
    kept.forget(change.key)
    changes = moved
  }

  const run = () => {
    clearTimeout(timer)
    if (isClosed) return
    const now = Date.now()
    if (now >= pauseUntilMs) {
      for (const change of nextToSend(changes, now)) {
        if (inFlight.size >= atOnceMax) break
        if (!inFlight.has(change.key)) void send(change)
      }
    }
    // Those that can be had back for a while yet, and all while nobody answers.
    const times = changes
      .filter(({ state }) => state.kind === 'waiting')
      .map(({ sendAtMs }) => Math.max(sendAtMs, pauseUntilMs))
    const nextMs = Math.min(...times.filter((at) => at > now))
    if (Number.isFinite(nextMs)) timer = setTimeout(run, nextMs - now)
  }

  /** Another tab may be sending it: the key makes it one write, the lock one request. */
  const send = async (change: Change) => {
    inFlight.set(change.key, true)
    try {
      await locks.request(`todos.change.${change.key}`, () => sendNow(change.key))
    } finally {
      inFlight.delete(change.key)
    }
    run()
  }

  const sendNow = async (key: string) => {
    const idStart = await idStartOf(user, key)
    const before = changes.find((one) => one.key === key)
    if (!before || isClosed) return
    if (!kept.has(key)) {
      // Another tab has sent it or given it up.
      changes = changes.filter((one) => one.key !== key)
      return
    }
    const isFirst = before.what.kind === 'create' && before.idStart === undefined
    const state = { kind: 'sending' } as const
    const sending: Change = { ...before, ...(isFirst && { idStart }), state }
    // Known after a reload, too. The rest is kept as it is: another tab may know more of it.
    if (isFirst) kept.keep(sending)
    changes = changes.map((one) => (one.key === key ? sending : one))
    const outcome = await sendChange(api, sending, (etag) => {
      if (sending.what.kind !== 'create') put({ ...sending, what: { ...sending.what, etag } })
    })
    if (isClosed) return
    const now = changes.find((one) => one.key === key) ?? sending
    isReached = outcome.kind !== 'later' || outcome.isReached
    if (outcome.kind !== 'later') failures = 0
    switch (outcome.kind) {
      case 'applied':
        return done({ change: now, todo: outcome.todo, etag: outcome.etag })
      case 'refused':
        return put({ ...now, state: { kind: 'refused', why: outcome.why } })
      case 'conflict':
        return put({
          ...now,
          state: { kind: 'conflict', theirs: outcome.theirs, etag: outcome.etag },
        })
      case 'again':
        if (now.what.kind === 'create') return
        return replace(now, { ...now.what, etag: outcome.etag })
      case 'accepted': {
        const accepted = (now.accepted ?? 0) + 1
        if (accepted >= acceptedMax) return done({ change: now, todo: undefined, etag: undefined })
        const sendAtMs = Date.now() + acceptedMs
        return put({ ...now, accepted, sendAtMs, state: { kind: 'waiting' } })
      }
      case 'later': {
        const pause = Math.min(retryMs.first * 2 ** failures, retryMs.last)
        failures = Math.min(failures + 1, 10)
        const afterMs = outcome.afterMs ?? pause * (0.5 + Math.random() / 2)
        pauseUntilMs = Date.now() + Math.min(afterMs, retryAfterMaxMs)
        put({ ...now, state: { kind: 'waiting' } })
      }
    }
  }

  /** What is seen in the list, and was created here and not answered yet: what is made of it waits for the answer. */
  const nameOf = (todoId: string): string =>
    changes.find(({ idStart }) => idStart !== undefined && todoId.startsWith(idStart))?.todoId ??
    todoId

  const done = (applied: Applied) => {
    const rest = rebased(changes, applied.change, applied.todo, applied.etag)
    // First those that are to know the todo's new id, then this one: a crash between loses nothing.
    for (const one of rest) if (one.todoId !== idIn(changes, one.key)) kept.keep(one)
    const isLeft = new Set(rest.map((one) => one.key))
    for (const one of changes) if (!isLeft.has(one.key)) kept.forget(one.key)
    onApplied(applied)
    changes = rest
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
      const nowMs = Date.now()
      // In the order in which they were made, whatever the clock says: a reload reads them in this order.
      const madeAtMs = Math.max(nowMs, (changes.at(-1)?.madeAtMs ?? 0) + 1)
      const change: Change = {
        key,
        list,
        todoId: todoId === undefined ? newTodoId(key) : nameOf(todoId),
        madeAtMs,
        sendAtMs: nowMs + delayMs,
        what,
        state: { kind: 'waiting' },
      }
      if (!kept.keep(change)) return false
      changes = [...changes, change]
      run()
      return true
    },
    /** With a creation goes what was to become of it. */
    giveUp(key: string) {
      const given = changes.find((one) => one.key === key)
      const goes = ({ key: other, todoId }: Change) =>
        other === key || (given?.what.kind === 'create' && todoId === given.todoId)
      changes.filter(goes).forEach((one) => kept.forget(one.key))
      changes = changes.filter((one) => !goes(one))
      run()
    },
    /** In its place: those behind it wait for it. */
    again(change: Change, what: What = change.what) {
      replace(change, what)
      run()
    },
    /** Now, whatever the pause: the network is back, or somebody has logged in. */
    retry() {
      failures = pauseUntilMs = 0
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
      run()
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

// What the whole page shares, put together in one place: the session, the live socket, the outbox of whoever is
// logged in, and what is to be said.

import { createLive } from './live/live.svelte.ts'
import { createNames } from './names.svelte.ts'
import { notify } from './notices.svelte.ts'
import { endDrafts } from './parts/drafts.svelte.ts'
import { api, session } from './session/session.svelte.ts'
import { texts } from './texts/texts.ts'
import { forgetLists } from './todos/kept-lists.ts'
import { idStartOf } from './todos/id-start.ts'
import { changePrefix } from './todos/kept-changes.ts'
import { createOutbox, type Applied, type Outbox } from './todos/outbox.svelte.ts'
import type { ListId } from './todos/todo.ts'

const liveUrl = `${location.origin.replace(/^http/, 'ws')}/v1/live`

const live = createLive({
  url: liveUrl,
  token: () => session.token(),
  onRefused: () => void session.refused(),
})
const names = createNames()

/** One that is open, and hears of what was applied. */
type Listener = { readonly id: ListId; readonly applied: (applied: Applied) => void }
const lists = new Set<Listener>()

const outboxOf = (user: string | undefined): Outbox | undefined =>
  user === undefined
    ? undefined
    : createOutbox({
        api,
        storage: localStorage,
        locks: navigator.locks,
        user,
        idStartOf,
        onApplied: (applied) => tell(applied),
      })

const tell = (applied: Applied) => {
  for (const list of lists) if (list.id === applied.change.list) list.applied(applied)
}

let userId = session.user?.id
let outbox = $state.raw(outboxOf(userId))
let isOnline = $state(navigator.onLine)

export const page = {
  live,
  names,
  get outbox() {
    return outbox
  },
  /** As far as the browser knows. */
  get isOnline() {
    return isOnline
  },
  /** Until the function that is returned is called. */
  listen(list: Listener): () => void {
    lists.add(list)
    return () => void lists.delete(list)
  },
  /** Whoever logs out leaves nothing in this browser. */
  async logOut() {
    const user = userId
    outbox?.clear()
    if (user !== undefined) forgetLists(localStorage, user)
    await session.logOut()
  },
  /** Where it fails, nothing is forgotten. */
  async logOutEverywhere() {
    const [user, own] = [userId, outbox]
    await session.logOutEverywhere()
    own?.clear()
    if (user !== undefined) forgetLists(localStorage, user)
  },
}

export const startPage = () => {
  session.on({
    userChanged() {
      if (session.user?.id === userId) return
      if (userId !== undefined && !session.user) notify({ text: texts.session.over })
      userId = session.user?.id
      outbox?.close()
      outbox = outboxOf(userId)
      names.clear()
      endDrafts()
      live.reconnect()
    },
    tokenRenewed() {
      live.renewToken()
      outbox?.retry()
    },
  })
  const wake = () => {
    isOnline = true
    live.wake()
    outbox?.retry()
  }
  addEventListener('online', wake)
  addEventListener('offline', () => (isOnline = false))
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') live.wake()
  })
  addEventListener('storage', ({ key }: StorageEvent) => {
    if (userId !== undefined && key?.startsWith(changePrefix(userId))) outbox?.reread()
  })
}

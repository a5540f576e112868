// Which view an address is of. A view is loaded when it is first asked for; the public list comes with the page.

import type { Component } from 'svelte'
import Public from './views/public.svelte'

/** `key`: another one is another view, drawn anew. */
export type View = {
  readonly key: string
  readonly props: Readonly<Record<string, unknown>>
  readonly load: () => Promise<Loaded> | Loaded
}
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each has props of its own, chosen below
type Loaded = { readonly default: Component<any> }

const logIn = () => import('./views/log-in.svelte')
const notFound = () => import('./views/not-found.svelte')
/** The same promise each time: what is drawn is not drawn anew. */
const open = new Map<unknown, Promise<Loaded>>()

const view = (
  key: string,
  load: () => Promise<Loaded>,
  props: Readonly<Record<string, unknown>> = {},
): View => ({
  key,
  props,
  load() {
    const loaded = open.get(load) ?? load()
    open.set(load, loaded)
    // Without a network it may be had later.
    loaded.catch(() => open.delete(load))
    return loaded
  },
})

const forAll: Readonly<Record<string, () => Promise<Loaded>>> = {
  '/login': logIn,
  '/register': () => import('./views/register.svelte'),
  '/forgot': () => import('./views/forgot.svelte'),
  '/status': () => import('./views/status.svelte'),
}
const forUsers: Readonly<Record<string, () => Promise<Loaded>>> = {
  '/mine': () => import('./views/mine.svelte'),
  '/shared': () => import('./views/shared-todos.svelte'),
  '/teams': () => import('./views/teams.svelte'),
  '/account': () => import('./views/account.svelte'),
}
const team = () => import('./views/team.svelte')
const admin = () => import('./views/admin.svelte')
const adminParts: Readonly<Record<string, string>> = {
  '/admin': 'accounts',
  '/admin/dead-letters': 'dead-letters',
  '/admin/audit': 'audit',
}
const byMail = {
  verify: () => import('./views/verify.svelte'),
  reset: () => import('./views/reset.svelte'),
  invitation: () => import('./views/invitation.svelte'),
} as const

/** `secret`: what stands behind the #. A mail's link is one address, and says there what it is for. */
export const chosenView = (path: string, secret: string, isUser: boolean): View => {
  const mail = /^(verify-email|reset-password|invitation|token)=([\w-]+)$/.exec(secret)
  if (mail) {
    const [, kind = '', token = ''] = mail
    const place = kind === 'token' ? path.slice(1) : kind.replace(/-.*/, '')
    if (Object.hasOwn(byMail, place)) {
      return view(`${place} ${token}`, byMail[place as keyof typeof byMail], { token })
    }
  }
  const who = isUser ? 'user' : 'all'
  if (path === '/') return { key: `/ ${who}`, props: {}, load: () => ({ default: Public }) }
  const shown = forAll[path]
  if (shown) return view(path, shown)
  const [, teamId, part] = /^\/teams\/([\w-]+)(\/members)?$/.exec(path) ?? []
  const adminPart = adminParts[path]
  const own = teamId !== undefined ? team : adminPart ? admin : forUsers[path]
  if (!own) return view('not-found', notFound)
  if (!isUser) return view('/login', logIn)
  if (adminPart) return view('/admin', own, { part: adminPart })
  return teamId === undefined
    ? view(path, own)
    : view(`/teams/${teamId}`, own, { id: teamId, part: part ? 'members' : 'todos' })
}

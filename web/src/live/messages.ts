// What comes over the live socket, as far as the page minds it. Pure.

import type { LiveEvent } from '../todos/rows.ts'

export type MembershipEvent = {
  readonly kind: 'membership'
  readonly by: string
  readonly user_id: string
  readonly role: 'admin' | 'member' | null
}

export type ServerMessage =
  | { readonly type: 'welcome' | 'authenticated' | 'pong' }
  | {
      readonly type: 'subscribed' | 'gap'
      readonly channel: string
      readonly position: string
      readonly version?: number
    }
  | {
      readonly type: 'event'
      readonly channel: string
      readonly position: string
      readonly data: LiveEvent | MembershipEvent
    }
  | { readonly type: 'presence'; readonly channel: string; readonly users: readonly string[] }
  | {
      readonly type: 'presence-change'
      readonly channel: string
      readonly joined: readonly string[]
      readonly left: readonly string[]
    }
  | { readonly type: 'presence-unknown'; readonly channel: string }
  | {
      readonly type: 'presence-typing'
      readonly channel: string
      readonly user_id: string
      readonly todo_id?: string
      readonly for_ms: number
    }
  | { readonly type: 'unsubscribed'; readonly channel: string; readonly reason: string }
  | {
      readonly type: 'problem'
      readonly id?: string
      readonly problem: { readonly status: number; readonly detail: string }
    }
  | { readonly type: 'reconnect'; readonly after_ms: number }

/** Undefined for what is none: a newer server may say more. */
export const messageIn = (data: unknown): ServerMessage | undefined => {
  try {
    const message = JSON.parse(String(data)) as Partial<ServerMessage> | null
    return typeof message?.type === 'string' ? (message as ServerMessage) : undefined
  } catch {
    return undefined
  }
}

/** Who is there, after a message of presence. Undefined: it can't be known. */
export const presentAfter = (
  present: readonly string[] | undefined,
  message: ServerMessage,
): readonly string[] | undefined => {
  switch (message.type) {
    case 'presence':
      return message.users
    case 'presence-change': {
      const stay = (present ?? []).filter((id) => !message.left.includes(id))
      return [...new Set([...stay, ...message.joined])].sort()
    }
    case 'presence-unknown':
      return undefined
    default:
      return present
  }
}

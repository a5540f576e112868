// A personal todo that its owner lets others see, or change. It stays its owner's.

import type { Todo } from './todo.ts'

/** An editor changes the todo; only its owner deletes and shares it. */
export const shareRoles = ['viewer', 'editor'] as const
export type ShareRole = (typeof shareRoles)[number]

/** What somebody is to a personal todo that he can see. */
export type PersonalStanding = 'owner' | ShareRole

/** Whom a todo is shared with: an account, whoever is in a team, or the account of an address. */
export type Grantee =
  | { readonly kind: 'user'; readonly userId: string }
  | { readonly kind: 'team'; readonly teamId: string }
  /** Normalised: see credentials.ts. Whether it has an account is for nobody to know. */
  | { readonly kind: 'address'; readonly email: string }

export type Share = {
  readonly id: string
  readonly grantee: Grantee
  readonly role: ShareRole
  readonly createdAt: Date
}

/** As somebody sees a todo that another has shared with him, or with a team that he is in. */
export type SharedTodo = {
  readonly todo: Todo
  /** The strongest, where it was shared in several ways. */
  readonly role: ShareRole
  /** Its owner. */
  readonly sharedBy: { readonly userId: string; readonly email: string }
  /** The newest of those ways. */
  readonly sharedAt: Date
}

/** How many there may be. */
export type ShareBounds = {
  readonly sharesOfTodoMax: number
}

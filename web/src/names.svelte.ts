// What people are called: the API names an account by its id, and tells addresses only to those who share a team
// or a todo with it.

import { SvelteMap } from 'svelte/reactivity'
import { session } from './session/session.svelte.ts'
import { texts } from './texts/texts.ts'

export const createNames = () => {
  const emails = new SvelteMap<string, string>()
  return {
    learn(id: string, email: string) {
      if (emails.get(id) !== email) emails.set(id, email)
    },
    of(id: string): string {
      if (id === session.user?.id) return texts.people.you
      if (id === 'deleted') return texts.people.deleted
      return emails.get(id) ?? texts.people.unknown
    },
    /** Two letters, for who is shown small. */
    initialsOf: (id: string): string => (emails.get(id) ?? '?').slice(0, 2).toUpperCase(),
    clear: () => emails.clear(),
  }
}

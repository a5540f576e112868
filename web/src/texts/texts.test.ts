// Each text is there in each language, and in that language.

import t from 'tap'
import { sameTexts } from '../../../testing/web/same-texts.ts'
import { de } from './de.ts'
import { en } from './en.ts'

/** German has taken them. */
const taken = {
  'views.teams': 'Teams',
  'views.team': 'Team',
  'views.status': 'Status',
  'connection.live': 'Live',
  'connection.offline': 'Offline',
  'teams.admin': 'Admin',
  'teams.name': 'Name',
}

t.test('no text was left in English', async (t) => {
  t.same(Object.fromEntries(sameTexts(en, de)), taken)
})

t.test('what is the same is found, wherever it stands', async (t) => {
  const one = { a: { b: 'x', c: (n: number) => `${n} y` }, d: 'z' }
  const found = (other: typeof one) => [...sameTexts(one, other).keys()]
  t.same(found(one), ['a.b', 'a.c', 'd'])
  t.same(found({ a: { b: 'X', c: (n: number) => `${n} Y` }, d: 'Z' }), [])
})

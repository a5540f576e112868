// Clients that watched a run in which nothing went wrong: they come and go, miss a little or too much, and
// read a list that may be newer than what they hear next. check.test.ts puts anomalies into them.

import type { Heard, LiveHistory, Place, Row, Shown } from './evidence.ts'
import type { Random } from './sound-history.ts'

/** What took effect. */
export type Change = {
  readonly todoId: string
  readonly isPersonal: boolean
  readonly revision: number
  readonly row: Row | undefined
}

export const soundLiveClients = (changes: readonly Change[], random: Random): LiveHistory[] => [
  stayed('reader', 'todos', 'ann', changes),
  live('other reader', 'todos', 'bob', changes, random),
  stayed('owner', 'mine', 'ann', changes),
  live('owner elsewhere', 'mine', 'ann', changes, random),
  live('other owner', 'mine', 'bob', [], random),
]

const isIn = (channel: LiveHistory['channel'], { isPersonal }: Change) =>
  isPersonal === (channel === 'mine')
const eventOf = ({ todoId, revision, row }: Change, place: Place): Heard => {
  return { kind: 'event', place, todoId, revision, todo: row && shownOf(row) }
}

/** It was there from the first event to the last. */
const stayed = (
  name: string,
  channel: LiveHistory['channel'],
  userId: string,
  changes: readonly Change[],
): LiveHistory => {
  const heard: Heard[] = [
    { kind: 'subscribed', place: { epoch: 'e1', number: 0 }, since: undefined },
    { kind: 'list', todos: new Map() },
    ...changes
      .filter((one) => isIn(channel, one))
      .map((one, i) => eventOf(one, { epoch: 'e1', number: i + 1 })),
  ]
  return { name, channel, userId, heard }
}

const live = (
  name: string,
  channel: LiveHistory['channel'],
  userId: string,
  all: readonly Change[],
  random: Random,
): LiveHistory => {
  const changes = all.filter((one) => isIn(channel, one))
  const heard: Heard[] = []
  let epoch = 1
  let before = 0
  /** The number of events of earlier epochs. */
  let at = random.below(changes.length + 1)
  const place = () => {
    return { epoch: `e${epoch}`, number: at - before }
  }
  /** What it reads is at least as new as where it is. Some of what follows is heard before. */
  const readList = () => {
    const newer = Math.min(changes.length, at + random.below(5))
    const early = at + random.below(newer - at + 1)
    while (at < early) next()
    heard.push({ kind: 'list', todos: listAt(changes, newer) })
  }
  const next = () => {
    const change = changes[at++] as Change
    heard.push(eventOf(change, place()))
  }
  heard.push({ kind: 'subscribed', place: place(), since: undefined })
  readList()
  while (at < changes.length) {
    const choice = random.below(20)
    if (choice === 0) heard.push({ kind: 'subscribed', place: place(), since: place() })
    if (choice === 1) {
      const since = place()
      at += random.below(changes.length - at + 1)
      if (random.below(2) === 0) {
        epoch++
        before = at
      }
      heard.push({ kind: 'subscribed', place: place(), since }, { kind: 'gap', place: place() })
      readList()
    }
    if (at < changes.length) next()
  }
  return { name, channel, userId, heard }
}

const listAt = (changes: readonly Change[], count: number): Map<string, Shown> => {
  const todos = new Map<string, Shown>()
  for (const { todoId, row } of changes.slice(0, count)) {
    if (row) todos.set(todoId, shownOf(row))
    else todos.delete(todoId)
  }
  return todos
}

const shownOf = ({ title, description, completed, userId, createdMs, updatedMs }: Row): Shown => {
  return { title, description, completed, userId, createdMs, updatedMs }
}

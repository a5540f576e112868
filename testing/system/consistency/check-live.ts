// What must hold for whoever watched a list: each event once and in order, none that is not for him, and
// in the end the list, whatever was killed meanwhile. Pure, and it shares no code with what it checks.

import { isDeepStrictEqual } from 'node:util'
import type { Evidence, Heard, LiveHistory, Logged, Place, Row, Shown } from './evidence.ts'

export type LiveViolation = {
  readonly invariant: `I${10 | 11 | 12}`
  readonly detail: string
}

export const liveClientsAreTrue = ({ live, log, todos }: Evidence): LiveViolation[] => {
  const made = new Map(
    log.filter(({ kind }) => kind === 'create').map((one) => [one.todoId, one] as const),
  )
  return live.flatMap((client) => [
    ...onceAndInOrder(client),
    ...endsAsTheList(client, todos),
    ...onlyWhatIsHis(client, made),
  ])
}

/**
 * I10: places follow on each other, and so do the revisions of a todo, but for where there is a gap. Behind
 * one into another epoch may come what was heard before it: who keeps events has forgotten what it had.
 */
const onceAndInOrder = ({ name, heard }: LiveHistory): LiveViolation[] => {
  const violations: LiveViolation[] = []
  const add = (detail: string) =>
    violations.push({ invariant: 'I10', detail: `${name}: ${detail}` })
  let at: Place | undefined
  const revisions = new Map<string, number>()
  /** Todos of which something was heard since the last gap. */
  let followed = new Set<string>()
  for (const one of heard) {
    switch (one.kind) {
      case 'list':
        break
      case 'subscribed':
        at = one.since ?? one.place
        break
      case 'gap':
        if (at?.epoch === one.place.epoch && one.place.number < at.number)
          add(`a gap leads from ${textOf(at)} back to ${textOf(one.place)}`)
        if (at?.epoch !== one.place.epoch) revisions.clear()
        at = one.place
        followed = new Set()
        break
      case 'event': {
        const { place, todoId, revision } = one
        if (at?.epoch !== place.epoch || place.number !== at.number + 1)
          add(`after ${at ? textOf(at) : 'nothing'} came ${textOf(place)}`)
        at = place
        const before = revisions.get(todoId) ?? 0
        const isNext = followed.has(todoId) ? revision === before + 1 : revision > before
        if (!isNext) add(`${todoId} went from revision ${before} to ${revision}`)
        revisions.set(todoId, revision)
        followed.add(todoId)
      }
    }
  }
  return violations
}

const textOf = ({ epoch, number }: Place) => `${epoch}.${number}`

/** I11: what it read last, and heard since, is what the table holds. */
const endsAsTheList = (client: LiveHistory, todos: ReadonlyMap<string, Row>): LiveViolation[] => {
  const { name, channel, userId } = client
  const add = (detail: string): LiveViolation => ({
    invariant: 'I11',
    detail: `${name}: ${detail}`,
  })
  const held = heldBy(client.heard)
  if (!held) return [add('it has never read the list')]
  const isShown = (row: Row) =>
    channel === 'todos' ? !row.isPersonal : row.isPersonal && row.userId === userId
  const expected = new Map(
    [...todos].filter(([, row]) => isShown(row)).map(([id, row]) => [id, shownOf(row)] as const),
  )
  return [...new Set([...expected.keys(), ...held.keys()])]
    .filter((id) => !isDeepStrictEqual(expected.get(id), held.get(id)))
    .map((id) => add(`todo ${id} is ${jsonOf(held.get(id))}, not ${jsonOf(expected.get(id))}`))
}

const jsonOf = (todo: Shown | undefined) => (todo ? JSON.stringify(todo) : 'not there')

const shownOf = (row: Row): Shown => {
  const { title, description, completed, userId, createdMs, updatedMs } = row
  return { title, description, completed, userId, createdMs, updatedMs }
}

/** Undefined while a list that it was told to read is still to come. */
export const heldBy = (heard: readonly Heard[]): ReadonlyMap<string, Shown> | undefined => {
  let held: Map<string, Shown> | undefined
  /** A list may be older than they are, and is read more than once. */
  let sinceGap: Heard[] = []
  for (const one of heard) {
    switch (one.kind) {
      case 'subscribed':
      case 'gap':
        if (one.kind === 'subscribed' && one.since) break
        held = undefined
        sinceGap = []
        break
      case 'list':
        held = new Map(one.todos)
        for (const event of sinceGap) take(held, event)
        break
      case 'event':
        sinceGap.push(one)
        if (held) take(held, one)
    }
  }
  return held
}

const take = (held: Map<string, Shown>, one: Heard): void => {
  if (one.kind !== 'event') return
  if (one.todo) held.set(one.todoId, one.todo)
  else held.delete(one.todoId)
}

/** I12: what somebody hears, or reads because of it, is a todo that he may see. */
const onlyWhatIsHis = (
  { name, channel, userId, heard }: LiveHistory,
  made: ReadonlyMap<string, Logged>,
): LiveViolation[] => {
  const isHis = (todoId: string) => {
    const one = made.get(todoId)
    if (!one) return false
    return channel === 'todos' ? !one.isPersonal : one.isPersonal && one.userId === userId
  }
  const ids = new Set(
    heard.flatMap((one) =>
      one.kind === 'event' ? [one.todoId] : one.kind === 'list' ? [...one.todos.keys()] : [],
    ),
  )
  return [...ids]
    .filter((id) => !isHis(id))
    .map((id) => ({ invariant: 'I12', detail: `${name}: ${id} is none of ${channel}` }))
}

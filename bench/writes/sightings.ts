// When marked writes were acknowledged and when a list first showed them. Pure: answers and lists go in,
// latencies come out.
//
// A list has a thousand todos, which is 50 ms of 20,000 writes a second. Between two lists that a reader
// gets, a todo may so have come and been displaced by newer ones. That is known from `created_at`: the
// list lacks a todo rightly when all of its own were made after the todo's 202. At the end no newer ones
// come: a todo is missed only if it was due, and so made, after the oldest of the last list.

import type { MarkedAnswer } from '../load/load.ts'

export type Visibility = {
  /** From the 202 to the first list that shows it, or that it was displaced from. */
  readonly latenciesMs: readonly number[]
  /** Marked writes that were answered 202. */
  readonly samples: number
  /** In no list that was read, for newer ones had displaced them: their latency is an upper bound. */
  readonly displaced: number
  /** Neither shown nor displaced until the end. */
  readonly unseen: number
}

export type Sightings = {
  answered(answer: MarkedAnswer): void
  /** Times of the same clock as `atMs`; `epochAtZeroMs` is the wall clock's at its zero. */
  list(text: string, atMs: number, epochAtZeroMs: number): void
  pending(): number
  result(): Visibility
}

const titleStart = 'sample '
const digits = 8
/** Stands for the number in the request that is sent. */
export const markText = '#'.repeat(digits)
export const markedTitle = titleStart + markText
/** `created_at` knows whole milliseconds. */
const createdAtUnitMs = 1

export const createSightings = (): Sightings => {
  /** A list may show a todo before its 202 is here. */
  const seenAtMs = new Map<number, number>()
  const waiting = new Map<number, MarkedAnswer>()
  let last = { oldestMs: NaN, atMs: NaN }
  const latenciesMs: number[] = []
  let samples = 0
  let displaced = 0
  const take = ({ number, atMs }: MarkedAnswer, seenMs: number) => {
    latenciesMs.push(Math.max(0, seenMs - atMs))
    waiting.delete(number)
  }
  return {
    answered(answer) {
      if (answer.status !== 202) return
      samples++
      const seen = seenAtMs.get(answer.number)
      if (seen === undefined) waiting.set(answer.number, answer)
      else take(answer, seen)
    },
    list(text, atMs, epochAtZeroMs) {
      for (const number of marksIn(text)) {
        if (seenAtMs.has(number)) continue
        seenAtMs.set(number, atMs)
        const answer = waiting.get(number)
        if (answer !== undefined) take(answer, atMs)
      }
      last = { oldestMs: oldestIn(text) - epochAtZeroMs, atMs }
      for (const answer of waiting.values()) {
        if (!(last.oldestMs > answer.atMs + createdAtUnitMs)) continue
        displaced++
        take(answer, atMs)
      }
    },
    pending: () => waiting.size,
    result() {
      for (const answer of waiting.values()) {
        if (!(last.oldestMs + createdAtUnitMs > answer.dueAtMs)) continue
        displaced++
        take(answer, last.atMs)
      }
      return { latenciesMs, samples, displaced, unseen: waiting.size }
    },
  }
}

/** Found without parsing: a list of a thousand is read many times a second. */
const marksIn = (text: string): number[] => {
  const found: number[] = []
  const start = `"title":"${titleStart}`
  for (let at = text.indexOf(start); at !== -1; at = text.indexOf(start, at + 1)) {
    const number = Number(text.slice(at + start.length, at + start.length + digits))
    if (Number.isInteger(number)) found.push(number)
  }
  return found
}

/** When the last todo of the list was made, by the wall clock; NaN for an empty list. */
const oldestIn = (text: string): number => {
  const start = '"created_at":"'
  const at = text.lastIndexOf(start)
  if (at === -1) return NaN
  const from = at + start.length
  return Date.parse(text.slice(from, text.indexOf('"', from)))
}

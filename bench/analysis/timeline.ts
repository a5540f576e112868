// What happens next in a simulation: events by their time, those of one time in the order in which they
// were added. A binary heap, since a run has millions of them.

export type Event<T> = { readonly atUs: number; readonly what: T }

export type Timeline<T> = {
  add(atUs: number, what: T): void
  /** The earliest, which is taken out; undefined when there is none. */
  next(): Event<T> | undefined
}

type Entry<T> = Event<T> & { readonly order: number }

export const createTimeline = <T>(): Timeline<T> => {
  const heap: Entry<T>[] = []
  let added = 0
  return {
    add(atUs, what) {
      const entry = { atUs, what, order: added++ }
      let hole = heap.push(entry) - 1
      while (hole > 0) {
        const parent = (hole - 1) >> 1
        const above = heap[parent] as Entry<T>
        if (!isBefore(entry, above)) break
        heap[hole] = above
        hole = parent
      }
      heap[hole] = entry
    },
    next() {
      const [first] = heap
      const last = heap.pop()
      if (!first || !last || heap.length === 0) return first
      let hole = 0
      for (;;) {
        const left = 2 * hole + 1
        const right = left + 1
        const [a, b] = [heap[left], heap[right]]
        if (!a) break
        const [least, at] = b && isBefore(b, a) ? [b, right] : [a, left]
        if (!isBefore(least, last)) break
        heap[hole] = least
        hole = at
      }
      heap[hole] = last
      return first
    },
  }
}

const isBefore = <T>(a: Entry<T>, b: Entry<T>): boolean =>
  a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order)

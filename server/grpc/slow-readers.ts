// Clients that do not read what they are sent: the memory that waits for them is bounded, and so is
// the time. Checked now and then, for an answer that is read at once must cost nothing.

/** A connection, or a part of one. */
export type Reader = {
  /** Bytes that wait for it. */
  waiting(): number
  /** Bytes that it was sent so far. */
  sent(): number
  cut(): void
}

export type SlowReaders = {
  add(reader: Reader): void
  remove(reader: Reader): void
  check(nowMs: number): void
}

/** Who takes less than this in the whole time takes nothing: control frames are sent to anybody. */
const progressBytesMin = 1_024

type Mark = { readonly sent: number; readonly atMs: number }

export const createSlowReaders = (bounds: {
  /** A client that takes none of the bytes that wait for it for this long is cut. */
  readonly writeStallTimeoutMs: number
  /** Bytes that may wait in this process; past it those who keep most are cut. */
  readonly unsentBytesMax: number
}): SlowReaders => {
  const marks = new Map<Reader, Mark>()

  const isStalled = (reader: Reader, nowMs: number): boolean => {
    const { sent, atMs } = marks.get(reader) as Mark
    if (reader.waiting() === 0 || reader.sent() - sent >= progressBytesMin) {
      marks.set(reader, { sent: reader.sent(), atMs: nowMs })
      return false
    }
    return nowMs - atMs > bounds.writeStallTimeoutMs
  }

  const cut = (reader: Reader) => {
    marks.delete(reader)
    reader.cut()
  }

  return {
    add: (reader) => marks.set(reader, { sent: reader.sent(), atMs: performance.now() }),
    remove: (reader) => marks.delete(reader),
    check(nowMs) {
      for (const reader of marks.keys()) if (isStalled(reader, nowMs)) cut(reader)
      let waiting = [...marks.keys()].reduce((sum, reader) => sum + reader.waiting(), 0)
      if (waiting <= bounds.unsentBytesMax) return
      for (const reader of [...marks.keys()].sort((a, b) => b.waiting() - a.waiting())) {
        if (waiting <= bounds.unsentBytesMax) return
        waiting -= reader.waiting()
        cut(reader)
      }
    },
  }
}

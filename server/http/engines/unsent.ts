// What waits in this process for clients that read slowly, in number of bytes, each counted once however
// many wait for it. 200 slow readers of lists of different lengths kept 2 to 3.75 GB.

export type Holder = {
  /** True when its client has read all that it was sent. */
  isDone(): boolean
  /** Closes the connection. */
  cut(): void
}

export type Unsent = {
  /** From now on `holder` keeps `bytes`. Past the bound those who have held longest are cut. */
  hold(holder: Holder, bytes: Buffer): void
  release(holder: Holder): void
  /** Whether `bytes` can be held without cutting anybody. */
  hasRoomFor(bytes: Buffer): boolean
  /** Called once, when something was released. */
  whenReleased(retry: () => void): void
  bytes(): number
}

/** While others wait for room, nobody holds it longer, however steadily a byte now and then is read. */
const holdMaxMs = 20_000
const checkEveryMs = 1_000

export const createUnsent = (bytesMax: number): Unsent => {
  /** Oldest first. */
  const holders = new Map<
    Holder,
    { readonly sinceMs: number; readonly memory: Set<ArrayBufferLike> }
  >()
  const sharers = new Map<ArrayBufferLike, number>()
  let bytes = 0
  let waiting: (() => void)[] = []
  let timer: NodeJS.Timeout | undefined

  /** Whether it held anything. */
  const drop = (holder: Holder): boolean => {
    const held = holders.get(holder)
    if (!held) return false
    holders.delete(holder)
    for (const memory of held.memory) {
      const left = (sharers.get(memory) ?? 1) - 1
      if (left > 0) sharers.set(memory, left)
      else {
        sharers.delete(memory)
        bytes -= memory.byteLength
      }
    }
    return true
  }
  const wake = () => {
    const retries = waiting
    waiting = []
    for (const retry of retries) retry()
  }
  const sweep = () => {
    for (const holder of holders.keys()) if (holder.isDone()) drop(holder)
  }
  const cutLate = () => {
    sweep()
    const sinceMax = performance.now() - holdMaxMs
    for (const [holder, { sinceMs }] of holders) {
      if (sinceMs > sinceMax) break
      drop(holder)
      holder.cut()
    }
    clearTimeout(timer)
    timer = undefined
    wake()
  }

  return {
    hold(holder, { buffer: memory }) {
      let held = holders.get(holder)
      if (!held) holders.set(holder, (held = { sinceMs: performance.now(), memory: new Set() }))
      if (held.memory.has(memory)) return
      held.memory.add(memory)
      const others = sharers.get(memory) ?? 0
      sharers.set(memory, others + 1)
      if (others === 0) bytes += memory.byteLength
      if (bytes <= bytesMax) return
      sweep()
      for (const [oldest, { memory: itsMemory }] of holders) {
        if (bytes <= bytesMax) return
        // Cut, it would free nothing: what it waits for is what we have just begun to send.
        if (oldest === holder || (itsMemory.size === 1 && itsMemory.has(memory))) continue
        drop(oldest)
        oldest.cut()
      }
    },
    release(holder) {
      if (drop(holder) && waiting.length > 0) wake()
    },
    hasRoomFor({ buffer: memory }) {
      const fits = () => sharers.has(memory) || bytes === 0 || bytes + memory.byteLength <= bytesMax
      if (fits()) return true
      sweep()
      return fits()
    },
    whenReleased(retry) {
      waiting.push(retry)
      timer ??= setTimeout(cutLate, checkEveryMs).unref()
    },
    bytes: () => bytes,
  }
}

// Closes a listening socket without losing those who are about to be accepted. What the kernel has
// queued on one is not passed to others on the port (SO_REUSEPORT) when it closes, it is reset (unless
// net.ipv4.tcp_migrate_req is 1). Node's sockets stay open in the primary until the server stops.

/** A turn of the loop this short, with nothing to do in it, has emptied the queue just now. */
const calmTurnMs = 0.2
/** Past this it is closed all the same. */
const calmWaitMs = 1_000

/**
 * Resolves when it is closed: right after a turn in which the kernel had nothing for us. `events`
 * counts all that the loop had to do. Of processes that stall for 100 ms now and then, twelve closed
 * at once lost 5 requests of 413,000; twenty closed so, none of 659,000 (rolling-restart.test.ts).
 * Not covered: a handshake in progress on a real network, for the length of its round trip.
 */
export const closeWhenCalm = (close: () => void, events: () => number): Promise<void> =>
  new Promise((resolve) => {
    const startedMs = performance.now()
    let turnMs = startedMs
    let seen = -1
    const poll = () => {
      const nowMs = performance.now()
      const isCalm = events() === seen && nowMs - turnMs < calmTurnMs
      if (isCalm || nowMs - startedMs > calmWaitMs) {
        close()
        resolve()
        return
      }
      turnMs = nowMs
      seen = events()
      setImmediate(poll)
    }
    setImmediate(poll)
  })

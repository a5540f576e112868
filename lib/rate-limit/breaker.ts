// Whether a store is asked at all. A circuit breaker as a state machine with the time given.
// Closed, the store is asked. Open, it is not, and nobody waits for what does not answer. After a
// while one probe, on nobody's time, finds out whether it answers again.

export type Breaker = {
  /** `probe`: not asked by this request, but the caller is to probe it now, and say how that went. */
  admit(): 'ask' | 'skip' | 'probe'
  /** How it went for one who was admitted to ask. */
  asked(ok: boolean): void
  probed(ok: boolean): void
  isOpen(): boolean
}

export type BreakerSettings = {
  /** Failures in a row that open it. */
  readonly failuresMax: number
  /**
   * Failures this close together are one: an event loop that was held up fails all that was in flight
   * in one turn, and that is not the store's fault.
   */
  readonly failureSpacingMs: number
  /** From its opening, or a probe that failed, to the next probe. */
  readonly openMs: number
  readonly nowMs: () => number
  readonly onChange: (state: 'open' | 'closed') => void
}

type State =
  | { readonly kind: 'closed'; readonly failures: number; readonly lastFailureMs: number }
  | { readonly kind: 'open'; readonly sinceMs: number }
  | { readonly kind: 'half-open' }

const calm: State = { kind: 'closed', failures: 0, lastFailureMs: -Infinity }

export const createBreaker = (settings: BreakerSettings): Breaker => {
  const { failuresMax, failureSpacingMs, openMs, nowMs, onChange } = settings
  let state: State = calm

  const failed = ({ failures, lastFailureMs }: Extract<State, { kind: 'closed' }>) => {
    const atMs = nowMs()
    if (atMs - lastFailureMs < failureSpacingMs) return
    if (failures + 1 < failuresMax) {
      state = { kind: 'closed', failures: failures + 1, lastFailureMs: atMs }
      return
    }
    state = { kind: 'open', sinceMs: atMs }
    onChange('open')
  }

  return {
    admit() {
      switch (state.kind) {
        case 'closed':
          return 'ask'
        case 'half-open':
          return 'skip'
        case 'open':
          if (nowMs() - state.sinceMs < openMs) return 'skip'
          state = { kind: 'half-open' }
          return 'probe'
      }
    },
    // What was in flight when it opened does not count: only the probe does.
    asked(ok) {
      if (state.kind !== 'closed') return
      if (ok) state = calm
      else failed(state)
    },
    probed(ok) {
      if (state.kind !== 'half-open') return
      if (!ok) {
        state = { kind: 'open', sinceMs: nowMs() }
        return
      }
      state = calm
      onChange('closed')
    },
    isOpen: () => state.kind !== 'closed',
  }
}

// What we use of autocannon 9.0.0, which has no types. Its Client's fields are private to it: see
// autocannon-client.cjs.

declare module 'autocannon' {
  import type { EventEmitter } from 'node:events'
  import type { Socket } from 'node:net'

  export type Options = {
    readonly url: string
    readonly connections: number
    readonly pipelining: number
    /** Seconds. */
    readonly duration: number
    /** Seconds. */
    readonly timeout?: number
    /** Threads. */
    readonly workers?: number
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string | undefined
    /** A module that each thread requires: a function of a Client. */
    readonly setupClient?: string
    /** Not autocannon's: it hands all of its options to its threads. */
    readonly recording?: SharedArrayBuffer
  }

  export type RunResult = {
    readonly requests: { readonly average: number; readonly total: number }
    readonly latency: { readonly average: number }
    readonly throughput: { readonly total: number }
    readonly start: Date
    readonly finish: Date
    /** Seconds. */
    readonly duration: number
    readonly samples: number
    readonly errors: number
    readonly timeouts: number
    readonly non2xx: number
    readonly '2xx': number
  }

  export type Client = EventEmitter & {
    readonly destroyed: boolean
    readonly conn: Socket
    readonly parser: { reinitialize(type: 'RESPONSE'): void }
    readonly pipelinedRequests: { size(): number; clear(): void }
    _connect(): void
    _destroyConnection(): void
  }

  type Run = EventEmitter & { stop(): void }
  export default function autocannon(
    options: Options,
    done: (error: Error | null, result: RunResult) => void,
  ): Run
}

// What bench:live can measure: a server that takes an event over HTTP and sends it to WebSockets.

export type LiveSystem = {
  readonly name: string
  readonly port: number
  /** Of its server. */
  readonly pid: number
  /** All that it consists of. */
  readonly pids: readonly number[]
  /** What its server holds, and how that is known. */
  readonly memory: {
    readonly how: string
    kib(): Promise<number>
  }
  readonly path: string
  readonly hello: readonly string[]
  readonly subscribedMark: string
  /** Resolves when it is acknowledged. */
  publish(title: string): Promise<void>
  stop(): Promise<void>
}

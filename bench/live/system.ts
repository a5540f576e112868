// What bench:live can measure: a server that takes an event over HTTP and sends it to WebSockets.

export type LiveSystem = {
  readonly name: string
  readonly port: number
  /** Of its server. */
  readonly pid: number
  readonly path: string
  readonly hello: readonly string[]
  readonly subscribedMark: string
  /** Resolves when it is acknowledged. */
  publish(title: string): Promise<void>
  stop(): Promise<void>
}

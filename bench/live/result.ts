// What a round of bench:live leaves behind: the shape of the JSON file.

export type Figures = {
  readonly system: string
  readonly clients: number
  readonly subscribers: number
  readonly perSecond: number
  readonly seconds: number
  readonly memoryKibPerSocket: number
  readonly deliveries: number
  readonly deliveriesPerSecond: number
  /** The server's, requests that publish included. */
  readonly cpuUsPerDelivery: number
  readonly generatorUsPerDelivery: number
  /** Of one core. */
  readonly generatorShare: number
  /** To the last client's receipt. */
  readonly p99FromAcknowledgedMs: number
  readonly p99FromSentMs: number
  readonly publishSeconds: number
  readonly lost: number
  readonly doubled: number
  readonly refused: number
  readonly closed: number
}

export type Result = Figures & {
  /** What makes the figures worthless. */
  readonly faults: readonly string[]
}

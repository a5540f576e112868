// What bench:live and its processes of clients say to each other.

/** Stands in every event that is counted; six digits follow. */
export const eventMark = 'live-event-'
export const eventTitle = (number: number): string => eventMark + String(number).padStart(6, '0')

export type ClientsPlan = {
  readonly port: number
  readonly path: string
  /** Sent when the socket is open. */
  readonly hello: readonly string[]
  /** Stands in the message that says that a client is subscribed. */
  readonly subscribedMark: string
  readonly clients: number
  readonly eventsMax: number
  /** Else they only hold a socket. */
  readonly counts: boolean
}

export type ClientsReport = {
  /** By event: the clients that heard it, and when the last did (CLOCK_MONOTONIC). */
  readonly heardBy: readonly number[]
  readonly lastMs: readonly number[]
  readonly doubled: number
  readonly closed: number
  readonly cpuSeconds: number
  readonly atMs: number
}

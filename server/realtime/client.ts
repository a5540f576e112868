// What a WebSocket and an event stream have in common: somebody who watches, who may lose what he watches,
// and who is looked after once a second.

import type { AnyOf, ChannelName } from '../../lib/domain/event.ts'
import type { Principal } from '../http/contract/endpoint.ts'
import type { Problem } from '../http/problem.ts'
import type { Channels } from './channels.ts'
import type { LiveCounts } from './counts.ts'
import type { Hub } from './hub.ts'
import type { Presence } from './presence.ts'
import type { Ending } from './protocol.ts'

/** A token that was good, and whose it is. */
export type Identity = { readonly token: string; readonly principal: Principal }

export type LiveClient = {
  /** Of who watches; undefined: anybody. */
  identity(): Identity | undefined
  /** The token may be good no more. */
  checkToken(): void
  /** Who watches may not see this channel any more. */
  checkChannel(channel: ChannelName | AnyOf): void
  /** Once a second. */
  tick(nowMs: number): void
  /** What waits for it. */
  bufferedBytes(): number
  /** There is no room for what waits for it. */
  cut(): void
  /** This process leaves: the client is to come back after `afterMs`. `code`: of the close. */
  leave(afterMs: number, code: number): void
}

export type LiveSettings = {
  readonly clientsMax: number
  readonly clientsOfAddressMax: number
  readonly subscriptionsMax: number
  readonly messageBytesMax: number
  readonly messagesPerSecMax: number
  readonly bufferedBytesMax: number
  readonly heartbeatMs: number
  readonly idleTimeoutMs: number
  readonly reconnectSpreadMs: number
  readonly presenceTtlMs: number
}

export type ClientParts = {
  readonly settings: LiveSettings
  readonly channels: Channels
  readonly hub: Hub
  readonly presence: Presence
  readonly counts: LiveCounts
  /** Whose the token is; throws the problem. */
  readonly verify: (token: string) => Principal
  /** What to answer when something fails. */
  readonly problemOf: (error: unknown) => Problem
}

/** How often a token is checked besides: it expires, and nobody says so. */
export const tokenCheckMs = 10_000

/** Whether `identity` is good no more. */
export const hasEnded = ({ token }: Identity, verify: ClientParts['verify']): boolean => {
  try {
    verify(token)
    return false
  } catch {
    return true
  }
}

/**
 * Why who watches must lose `name`; undefined: he need not. Fails closed: what can't be checked is lost,
 * and may be asked for again.
 */
export const endingOf = async (
  channels: Channels,
  principal: Principal | undefined,
  name: string,
  problemOf: ClientParts['problemOf'],
): Promise<Ending | undefined> => {
  try {
    await channels.resolve(principal, name)
    return undefined
  } catch (error) {
    return problemOf(error).reply.status < 500 ? 'access-ended' : 'unverified'
  }
}

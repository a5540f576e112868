// What can be watched. Features register their channels; this room knows how they are asked for, and
// nothing of what is in them.

import type { ChannelName } from '../../lib/domain/event.ts'
import type { Principal } from '../http/contract/endpoint.ts'
import { noToken } from '../http/access-problems.ts'
import { Problem, unavailable, type ProblemKind, type ProblemType } from '../http/problem.ts'

/** A name as clients ask for it: `mine`, `team:{id}`. */
export type ChannelKind = {
  /** What stands in braces is a parameter; without, it is the name itself. */
  readonly name: string
  readonly description: string
  readonly example: string
  readonly needsToken: boolean
  /** Whether those who watch it may know of each other. */
  readonly hasPresence: boolean
  /** How `resolve` refuses. */
  readonly problems: readonly ProblemKind[]
  /** The channel that it stands for, if whoever asks may watch it now; else throws the problem. */
  resolve(principal: Principal | undefined, parameter: string): Promise<ChannelName> | ChannelName
  /** Of the list as it is in the store, or later: what its `ETag` begins with. */
  version(channel: ChannelName): Promise<number>
}

export type Channels = {
  readonly kinds: readonly ChannelKind[]
  /** As `resolve` of its kind. */
  resolve(principal: Principal | undefined, name: string): Promise<ChannelName>
  /** As `version` of its kind. */
  version(channel: ChannelName, name: string): Promise<number>
  /** Whether `name` is only for somebody. */
  needsToken(name: string): boolean
  hasPresence(name: string): boolean
}

const noSuchChannel: ProblemType = {
  slug: 'no-such-channel',
  status: 404,
  when: 'No channel has this name.',
  remedy: 'Ask for one of those that the AsyncAPI document lists (`GET /asyncapi.json`).',
}
export const unknownChannel = (names: readonly string[]): ProblemKind => ({
  type: noSuchChannel,
  detail: `no such channel: there are ${names.join(', ')}`,
  field: 'channel',
})

export const eventsUnavailable = unavailable(
  {
    slug: 'events-unavailable',
    when: 'Events can not be read now.',
    remedy:
      'Wait for `Retry-After`, then subscribe again with the last position. `/ready` says which dependency is down.',
  },
  "events can't be read now",
)

export const createChannels = (kinds: readonly ChannelKind[]): Channels => {
  const unknown = new Problem(unknownChannel(kinds.map(({ name }) => name)))
  const find = (name: string): { kind: ChannelKind; parameter: string } => {
    for (const kind of kinds) {
      const brace = kind.name.indexOf('{')
      if (brace === -1) {
        if (kind.name === name) return { kind, parameter: '' }
      } else if (name.startsWith(kind.name.slice(0, brace)))
        return { kind, parameter: name.slice(brace) }
    }
    throw unknown
  }
  return {
    kinds,
    async resolve(principal, name) {
      const { kind, parameter } = find(name)
      if (kind.needsToken && !principal) throw missing
      return kind.resolve(principal, parameter)
    },
    version: (channel, name) => find(name).kind.version(channel),
    needsToken: (name) => find(name).kind.needsToken,
    hasPresence: (name) => find(name).kind.hasPresence,
  }
}

const missing = new Problem(noToken)

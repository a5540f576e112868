// What a node of a cluster says of who has which slots, and its redirections. A node that is cut off from
// most masters says that the cluster is down, and is not believed.

import type { RedisHost } from '../../runtime/config/redis-url.ts'
import type { RedisConnection } from './connection.ts'
import type { Placement, SlotRange } from './masters.ts'

type NodeReply = readonly [host: string | null, port: number]
type SlotsReply = readonly (readonly [first: number, last: number, ...nodes: NodeReply[]])[]

export const askNode = async (
  connection: RedisConnection,
  asked: RedisHost,
): Promise<Placement> => {
  const [info, slots] = await connection.run((redis) =>
    Promise.all([redis.call('CLUSTER', 'INFO'), redis.call('CLUSTER', 'SLOTS')]),
  )
  const state = field(String(info), 'cluster_state')
  if (state !== 'ok') throw new Error(`CLUSTERDOWN cluster_state is ${state ?? 'unknown'}`)
  const hostOf = ([host, port]: NodeReply): RedisHost => ({
    // A node that does not know its own address means the one that it was asked at.
    host: host === null || host === '' || host === '?' ? asked.host : host,
    port,
  })
  const ranges: SlotRange[] = []
  const others: RedisHost[] = []
  for (const [first, last, master, ...replicas] of slots as SlotsReply) {
    if (!master) continue
    ranges.push({ first, last, master: hostOf(master) })
    others.push(hostOf(master), ...replicas.map(hostOf))
  }
  return { epoch: Number(field(String(info), 'cluster_current_epoch')), ranges, others }
}

const field = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]

export type Redirection =
  /** The slot is there now. */
  | { readonly kind: 'moved'; readonly to: RedisHost }
  /** The slot is on its way there, and so is this key. */
  | { readonly kind: 'ask'; readonly to: RedisHost }
  /** Of the keys some are here, and some there. */
  | { readonly kind: 'try-again' }

/** What an error reply of `asked` says of where to ask instead. */
export const redirectionOf = (message: string, asked: RedisHost): Redirection | undefined => {
  if (message.startsWith('TRYAGAIN')) return { kind: 'try-again' }
  const [, kind, host = '', port] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(message) ?? []
  if (kind === undefined) return undefined
  const isUnknown = host === '' || host === '?'
  const to = { host: isUnknown ? asked.host : host, port: Number(port) }
  return { kind: kind === 'MOVED' ? 'moved' : 'ask', to }
}

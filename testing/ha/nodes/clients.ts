// Readers and writers at one way in, each of which remembers when it was answered: what a fault was to
// them. Built on testing/steady-clients.ts, which knows what a client may count on.

import { signToken } from '../../../lib/accounts/access-token.ts'
import { testSecret } from '../../settings.ts'
import { get, post, startSteadyClients, type Client } from '../../steady-clients.ts'
import { longestGapMs } from '../gaps.ts'

type Kind = 'reads' | 'writes'
type Answered = { readonly kind: Kind; readonly sentMs: number; readonly atMs: number }

const readers = 6
const newcomers = 3
const writers = 6
const pauseMs = 40
/** What a person notices. */
const slowMs = 1_000
const token = signToken(testSecret, 'ann', 36_000)

export const startClients = (way: string, port: number) => {
  const answered: Answered[] = []
  const acknowledged = new Map<string, string>()
  let titles = 0
  /** With one request on its way at most, so that the last one sent is the one that is answered. */
  const client = (kind: Kind, more: Pick<Client, 'next'> & Partial<Client>): Client => {
    let sentMs = 0
    return {
      name: kind,
      depth: 1,
      pauseMs,
      ...more,
      next: () => {
        sentMs = performance.now()
        return more.next()
      },
      onAnswer: (sent, body) => {
        answered.push({ kind, sentMs, atMs: performance.now() })
        more.onAnswer?.(sent, body)
      },
    }
  }
  const many = (count: number, make: () => Client) => Array.from({ length: count }, make)
  const next = () => get('/todos?limit=10')
  const load = startSteadyClients(port, [
    ...many(readers, () => client('reads', { next })),
    ...many(newcomers, () => client('reads', { next, requestsPerConnection: 1 })),
    ...many(writers, () =>
      client('writes', {
        next: () => post(token, `${way} ${++titles}`),
        onAnswer: ({ name }, body) => {
          acknowledged.set((JSON.parse(body) as { id: string }).id, name)
        },
      }),
    ),
  ])
  return {
    way,
    acknowledged,
    answered: load.answered,
    stop: load.stop,
    /** Of what ended between two moments. */
    between(fromMs: number, toMs: number) {
      const isThen = (atMs: number) => atMs >= fromMs && atMs < toMs
      const those = answered.filter(({ atMs }) => isThen(atMs))
      const failures = load.failures.filter(({ failedMs }) => isThen(failedMs))
      const of = (kind: Kind) => {
        const times = those.filter((one) => one.kind === kind)
        return {
          answered: times.length,
          failed: failures.filter(({ client }) => client === kind).length,
          slow: times.filter(({ sentMs, atMs }) => atMs - sentMs > slowMs).length,
          slowestMs: Math.max(0, ...times.map(({ sentMs, atMs }) => atMs - sentMs)),
          gapMs: longestGapMs([fromMs, ...times.map(({ atMs }) => atMs), toMs]),
        }
      }
      const reasons = failures.map(({ client, reason }) => `${client}: ${reason.slice(0, 40)}`)
      return { reads: of('reads'), writes: of('writes'), reasons }
    },
  }
}

export type Clients = ReturnType<typeof startClients>

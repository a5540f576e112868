// GET /ready: what this process depends on answers, each named.

import { described, dictionary, matching, named, object, oneOf } from '../../../lib/domain/shape.ts'
import type { Dependency } from '../../../lib/runtime/parts.ts'
import { answer } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { noStore, retryAfter } from '../../http/response-headers.ts'
import { checkAll, tag, type Report } from './health.ts'

export type ReadinessParts = {
  readonly dependencies: readonly Dependency[]
  /** This process is about to leave: load balancers are to turn away while it still serves. */
  readonly isDraining: () => boolean
}

const readiness = named(
  'Readiness',
  object({
    status: described(
      oneOf('ready', 'degraded', 'unready', 'draining'),
      '`degraded`: an optional dependency is unavailable. `draining`: shutting down.',
    ),
    dependencies: described(
      dictionary(matching(/^(ok$|fails: )/, 'ok, or how it fails')),
      'Each by name: `ok`, or how it fails.',
    ),
  }),
)
const ready = answer({
  status: 200,
  description: '`ready`, or `degraded`: it can serve.',
  headers: [noStore],
  body: readiness,
  examples: [
    {
      status: 'ready',
      dependencies: { postgres: 'ok', kafka: 'ok', redis: 'ok', events: 'ok', lists: 'ok' },
    },
    {
      status: 'degraded',
      dependencies: {
        postgres: 'ok',
        kafka: 'ok',
        redis: 'fails: connect ECONNREFUSED',
        events: 'ok',
        lists: 'ok',
      },
    },
  ],
})
const unready = answer({
  status: 503,
  description: '`unready` or `draining`: send requests elsewhere.',
  headers: [noStore, retryAfter],
  body: readiness,
  examples: [
    {
      status: 'unready',
      dependencies: {
        postgres: 'fails: no answer in 1000 ms',
        kafka: 'ok',
        redis: 'ok',
        events: 'ok',
        lists: 'ok',
      },
    },
  ],
})
const draining = unready.reply({ status: 'draining', dependencies: {} })

/** However many probes come, the dependencies are asked once in this time. */
const keepMs = 500

export const getReady = ({ dependencies, isDraining }: ReadinessParts) => {
  let asked: { readonly atMs: number; readonly report: Promise<Report> } | undefined
  return endpoint({
    method: 'GET',
    path: '/ready',
    operationId: 'getReady',
    summary: 'Readiness',
    tag,
    isProbe: true,
    auth: 'none',
    limit: 'probe',
    responses: [ready, unready],
    async handler() {
      if (isDraining()) return draining
      const nowMs = performance.now()
      if (!asked || nowMs - asked.atMs > keepMs) {
        asked = { atMs: nowMs, report: checkAll(dependencies) }
      }
      const { status, states } = await asked.report
      const answered = status === 'unready' ? unready : ready
      return answered.reply({ status, dependencies: states })
    },
  })
}

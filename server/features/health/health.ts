// GET /health: this process lives. GET /ready: what it depends on answers, each named.

import type { Dependency } from '../../../lib/runtime/parts.ts'
import { createReply } from '../../http/engines/engine.ts'
import type { Handler } from '../../http/router.ts'
import { jsonHeaders } from '../../http/security-headers.ts'

export type { Dependency } from '../../../lib/runtime/parts.ts'

const noStore = [...jsonHeaders, 'Cache-Control', 'no-store']
const alive = createReply(200, noStore, JSON.stringify({ status: 'ok' }))

export const getHealth: Handler = () => alive

const draining = createReply(
  503,
  [...noStore, 'Retry-After', '1'],
  JSON.stringify({ status: 'draining', dependencies: {} }),
)

/** However many probes come, the dependencies are asked once in this time. */
const keepMs = 500

export const getReady = (
  dependencies: readonly Dependency[],
  /** This process is about to leave: load balancers are to turn away while it still serves. */
  isDraining: () => boolean,
): Handler => {
  let asked: { atMs: number; report: Promise<Report> } | undefined
  return async () => {
    if (isDraining()) return draining
    const nowMs = performance.now()
    if (!asked || nowMs - asked.atMs > keepMs)
      asked = { atMs: nowMs, report: checkAll(dependencies) }
    const { status, states } = await asked.report
    return createReply(
      status === 'unready' ? 503 : 200,
      status === 'unready' ? [...noStore, 'Retry-After', '1'] : noStore,
      JSON.stringify({ status, dependencies: states }),
    )
  }
}

type Report = {
  readonly status: 'ready' | 'degraded' | 'unready'
  readonly states: Readonly<Record<string, string>>
}

export const checkAll = async (dependencies: readonly Dependency[]): Promise<Report> => {
  const states: Record<string, string> = {}
  let status: Report['status'] = 'ready'
  const results = await Promise.allSettled(dependencies.map((one) => one.check()))
  for (const [i, { name, without }] of dependencies.entries()) {
    const result = results[i]
    if (result?.status !== 'rejected') {
      states[name] ??= 'ok' // one name may stand for several: the embedded stack is all Postgres
      continue
    }
    states[name] = `fails: ${(result.reason as Error).message}`
    if (status !== 'unready') status = without
  }
  return { status, states }
}

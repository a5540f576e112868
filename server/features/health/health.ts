// What a server depends on, checked, each by name.

import type { Dependency } from '../../../lib/runtime/parts.ts'

export const tag = { name: 'Health', description: 'For load balancers and supervisors.' }

export type Report = {
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

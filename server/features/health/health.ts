// What a server depends on, checked, each by name.

import type { Tag } from '../../http/contract/endpoint.ts'
import { Degraded, type Dependency } from '../../../lib/runtime/parts.ts'

export const tag: Tag = {
  name: 'Health',
  description: 'For load balancers and supervisors.',
  isUnversioned: true,
}

/** Why a dependency fails, in words that an alert can tell apart. */
export const failureKinds = ['timeout', 'connection', 'other'] as const
export type FailureKind = (typeof failureKinds)[number]

export type Report = {
  readonly status: 'ready' | 'degraded' | 'unready'
  readonly states: Readonly<Record<string, string>>
  /** Of those that fail. */
  readonly failures: Readonly<Record<string, FailureKind>>
}

export const checkAll = async (dependencies: readonly Dependency[]): Promise<Report> => {
  const states: Record<string, string> = {}
  const failures: Record<string, FailureKind> = {}
  let status: Report['status'] = 'ready'
  const results = await Promise.allSettled(dependencies.map((one) => one.check()))
  for (const [i, { name, without }] of dependencies.entries()) {
    const result = results[i]
    if (result?.status !== 'rejected') {
      states[name] ??= 'ok' // one name may stand for several: the embedded stack is all Postgres
      continue
    }
    const error = result.reason as Error
    states[name] = `fails: ${error.message}`
    failures[name] = failureKindOf(error)
    if (status !== 'unready') status = error instanceof Degraded ? 'degraded' : without
  }
  return { status, states, failures }
}

/** What the first of its causes with a code says. */
const failureKindOf = (error: unknown): FailureKind => {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    const { code } = one as NodeJS.ErrnoException
    if (code === undefined) continue
    if (code === 'NO_ANSWER' || code === 'ETIMEDOUT' || code === 'CONNECT_TIMEOUT') return 'timeout'
    return /^E[A-Z_]+$/.test(code) || code.startsWith('CONNECTION_') ? 'connection' : 'other'
  }
  return 'other'
}

// What bench:writes can measure: a system that takes POST /todos and applies it. Ours is one, the
// reference peer another; the same code measures both.

import type { Target } from '../target.ts'

export const peers = ['reference'] as const
export type Peer = (typeof peers)[number]
export type SystemName = 'ours' | Peer

export type System = {
  readonly name: SystemName
  readonly port: number
  readonly token: string
  /** In the order in which a write meets them. */
  readonly tiers: Target['tiers']
  /** Commands that its worker has applied. */
  applied(): Promise<number>
  readonly appliedPollMs: number
  /** Todos in its database. */
  rows(): Promise<number>
  deadLetters(): Promise<number>
  /** Commands in its log, for a system whose worker may not catch up; null for one that must. */
  readonly logged: (() => Promise<number>) | null
  /** POSTs that its server has answered; null where it does not say. */
  handled(): Promise<number | null>
  stop(): Promise<void>
}

export type LeftOut = { readonly name: SystemName; readonly why: string }

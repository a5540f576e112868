// A team, who is in it, and who is asked to be.

import { described, matching, text, type Shape } from './shape.ts'
import { withSomethingToSee } from './visible-text.ts'

/** A team has at least one admin, always. */
export const teamRoles = ['admin', 'member'] as const
export type TeamRole = (typeof teamRoles)[number]

export type Membership = { readonly teamId: string; readonly userId: string }

/** As one of its members sees it. */
export type Team = {
  readonly id: string
  readonly name: string
  readonly createdAt: Date
  readonly role: TeamRole
  readonly joinedAt: Date
}

export type Member = {
  readonly userId: string
  readonly email: string
  readonly role: TeamRole
  readonly joinedAt: Date
}

/** Open: it is gone when it is accepted, declined or withdrawn. */
export type Invitation = {
  readonly id: string
  readonly teamId: string
  readonly teamName: string
  /** Normalised: see credentials.ts. */
  readonly email: string
  readonly createdAt: Date
  readonly expiresAt: Date
}

/** How many there may be. */
export type TeamBounds = {
  readonly teamsOfUserMax: number
  readonly membersMax: number
  /** Open ones of one team. */
  readonly invitationsMax: number
  readonly invitationTtlSec: number
}

export const teamNameLengthMax = 100
export const teamName: Shape<string> = described(
  withSomethingToSee(text({ min: 1, max: teamNameLengthMax })),
  'Several teams may have the same.',
)
/** Of a team, an invitation or an account: a UUID, as `randomUUID` writes it. */
export const uuid: Shape<string> = matching(
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  'a UUID in small letters',
)

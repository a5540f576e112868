// Settings: teams, and what is written down of who changed what.

import { wholeNumber, type Setting } from './table.ts'

export const teamSettings = {
  TEAMS_PER_USER_MAX: wholeNumber({
    default: 50,
    min: 1,
    max: 10_000,
    unit: 'teams',
    meaning: 'Teams that one account may be in.',
  }),
  TEAM_MEMBERS_MAX: wholeNumber({
    default: 200,
    min: 1,
    max: 10_000,
    unit: 'members',
    meaning: 'Members that one team may have.',
  }),
  TEAM_INVITATIONS_MAX: wholeNumber({
    default: 50,
    min: 1,
    max: 10_000,
    unit: 'invitations',
    meaning: 'Invitations of one team that may be open.',
  }),
  TEAM_INVITATION_TTL_SEC: wholeNumber({
    default: 7 * 86_400,
    min: 60,
    max: 366 * 86_400,
    unit: 's',
    meaning: 'How long an invitation can be used. The worker deletes it then, with the address.',
  }),
  AUDIT_KEPT_DAYS: wholeNumber({
    default: 365,
    min: 1,
    max: 36_500,
    unit: 'days',
    meaning: 'Older entries of the audit log are deleted by the worker.',
  }),
} as const satisfies Record<string, Setting<number>>

// What an account may be in the whole system. What it is in a team is in team.ts.

export const roles = ['user', 'system-admin'] as const
export type Role = (typeof roles)[number]

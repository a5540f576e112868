// Settings: teams, and what is written down of who changed what.

import { wholeNumber, type Setting } from './table.ts'

export const teamSettings = {
  AUDIT_KEPT_DAYS: wholeNumber({
    default: 365,
    min: 1,
    max: 36_500,
    unit: 'days',
    meaning: 'Older entries of the audit log are deleted by the worker.',
  }),
} as const satisfies Record<string, Setting<number>>

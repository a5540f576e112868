// Settings: personal todos that are shared.

import { wholeNumber, type Setting } from './table.ts'

export const shareSettings = {
  SHARES_PER_TODO_MAX: wholeNumber({
    default: 100,
    min: 1,
    max: 10_000,
    unit: 'shares',
    meaning:
      'Users, teams and addresses that one todo may be shared with. A team is one, whatever its size.',
  }),
} as const satisfies Record<string, Setting<number>>

// The checks of a stored result, made again: from its numbers, not from what it says of itself.

import { leadInSeconds } from '../cell.ts'
import type { Cell, Result } from '../result.ts'
import { checksOf } from './checks.ts'

export const recheck = (result: Result): Result => {
  const { scenario, topology } = result
  const cells = result.cells.map((cell): Cell => ({
    ...cell,
    checks: checksOf(cell, {
      listsAreStill: scenario.method === 'GET' && scenario.writesPerSecond === 0,
      engine: topology?.engine ?? null,
      leadInSeconds,
    }),
  }))
  const isSound = cells.every(({ checks }) => checks.every(({ verdict }) => verdict !== 'fail'))
  return { ...result, cells, verdict: isSound ? 'VALID' : 'INVALID' }
}

// What a batch leaves in the log, and under which request ids.

import { pino } from 'pino'
import t from 'tap'
import type { Command } from '../../lib/domain/command.ts'
import type { AppliedBatch } from './apply.ts'
import { logBatch } from './batch-log.ts'

const linesOf = (batch: Partial<AppliedBatch>, level: string) => {
  const lines: Record<string, unknown>[] = []
  const log = pino(
    { level, base: null, timestamp: false },
    {
      write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>),
    },
  )
  const nothing = {
    partition: 3,
    records: 1,
    seconds: 0.1,
    effects: [],
    duplicates: 0,
    pages: new Map(),
    letters: [],
    events: [],
  }
  logBatch({ ...nothing, ...batch }, log)
  return lines
}

const command = (n: number): Command => ({
  kind: 'delete',
  commandId: `c${n}`,
  todoId: `t${n}`,
  userId: 'ann',
  atMs: 1_000,
  requestId: `r${n}`,
})

t.test('what took effect is told at debug level only', async (t) => {
  const effects = [
    { command: command(1), outcome: 'applied' as const, ownerId: 'ann', completes: false },
  ]
  t.same(linesOf({ effects }, 'info'), [])
  t.match(linesOf({ effects }, 'debug'), [
    { partition: 3, request_id: 'r1', commandId: 'c1', todoId: 't1', outcome: 'applied' },
  ])
})

t.test('what had no effect is one warning, however many', async (t) => {
  const effects = Array.from({ length: 500 }, (_, n) => ({
    command: command(n),
    outcome: 'not-found' as const,
    ownerId: undefined,
    completes: false,
  }))
  const [line, ...others] = linesOf({ effects }, 'warn')
  t.same(others, [])
  t.match(line, { level: 40, refused: 500, commands: [{ request_id: 'r0', outcome: 'not-found' }] })
  t.equal((line?.['commands'] as unknown[]).length, 10)
})

t.test('dead letters are told with what is known of them', async (t) => {
  const letters = [
    { offset: 7, reason: 'not JSON in UTF-8', record: null },
    {
      offset: 8,
      reason: 'too long',
      record: Buffer.from('a secret of a user'),
      command: command(1),
    },
  ]
  const lines = linesOf({ letters }, 'warn')
  t.match(lines, [
    {
      dead_letters: 2,
      records: [
        { offset: 7, reason: 'not JSON in UTF-8' },
        { offset: 8, reason: 'too long', request_id: 'r1', commandId: 'c1' },
      ],
    },
  ])
  t.notMatch(JSON.stringify(lines), 'secret', 'never the record itself')
})

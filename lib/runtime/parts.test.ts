// The order of opening and closing, and what becomes of a part that fails or hangs.

import { Writable } from 'node:stream'
import { pino } from 'pino'
import t from 'tap'
import { closeParts, dependenciesOf, openParts, type Part } from './parts.ts'

const createRecorder = () => {
  const calls: string[] = []
  const lines: Record<string, unknown>[] = []
  const log = pino(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>)
        done()
      },
    }),
  )
  const part = (name: string, overrides: Partial<Part> = {}): Part => ({
    name,
    open: () => Promise.resolve(calls.push(`open ${name}`)),
    close: () => calls.push(`close ${name}`),
    ...overrides,
  })
  return { calls, lines, log, part }
}

t.test('parts are opened in order, one after the other, and closed in reverse', async (t) => {
  const { calls, lines, log, part } = createRecorder()
  const slow = part('slow', {
    open: () => new Promise((resolve) => setImmediate(() => resolve(calls.push('open slow')))),
    close: () => new Promise((resolve) => setImmediate(() => resolve(calls.push('close slow')))),
  })
  const parts = [part('first'), slow, part('last')]
  await openParts(parts, log)
  await closeParts(parts, log)
  t.same(calls, ['open first', 'open slow', 'open last', 'close last', 'close slow', 'close first'])
  t.same(lines, [])
})

t.test('a close that hangs or fails is named, and the others are closed', async (t) => {
  const { calls, lines, log, part } = createRecorder()
  await closeParts(
    [
      part('first'),
      part('hangs', { close: () => new Promise(() => {}), closeTimeoutMs: 10 }),
      part('rejects', { close: () => Promise.reject(new Error('no such thing')) }),
      part('throws', {
        close() {
          throw new Error('not open')
        },
      }),
      part('last'),
    ],
    log,
  )
  t.same(calls, ['close last', 'close first'])
  t.match(lines, [
    { part: 'throws', reason: 'not open', msg: 'shutdown failed, connections dropped' },
    { part: 'rejects', reason: 'no such thing', msg: 'shutdown failed, connections dropped' },
    { part: 'hangs', closeTimeoutMs: 10, msg: 'shutdown timed out, connections dropped' },
  ])
})

t.test('an open that fails closes what was opened, and is named', async (t) => {
  const { calls, log, part } = createRecorder()
  const parts = [
    part('first'),
    part('second'),
    part('fails', { open: () => Promise.reject(new Error('no port is free')) }),
    part('never'),
  ]
  await t.rejects(openParts(parts, log), { message: 'fails: no port is free' })
  t.same(calls, ['open first', 'open second', 'close second', 'close first'])
})

t.test('what a process depends on is what its parts depend on', async (t) => {
  const { part } = createRecorder()
  const ready = { name: 'postgres', without: 'unready', check: () => Promise.resolve() } as const
  t.same(dependenciesOf([part('without'), part('with', { ready })]), [ready])
})

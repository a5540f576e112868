// The trace in a record of the Postgres log: it comes back as it went, and no text of a user's is one.

import t from 'tap'
import { decodeCommand, encodeCommand, type Command } from '../domain/command.ts'
import { traceIn, withTrace } from './trace-suffix.ts'

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const command: Command = {
  kind: 'create',
  commandId: 'c',
  todoId: 't',
  userId: 'u',
  atMs: 1,
  title: 'a',
  description: `,"traceparent":"${traceparent}"`,
}

t.test('a trace comes back, and the command is the same', (t) => {
  const record = Buffer.from(withTrace(encodeCommand(command), traceparent))
  t.equal(traceIn(record), traceparent)
  t.same(decodeCommand(record), { kind: 'command', command })
  t.end()
})

t.test('without one there is none, whatever the command says', (t) => {
  t.equal(withTrace('{}', undefined), '{}')
  for (const record of [encodeCommand(command), '', '{}', `"${traceparent}"}`]) {
    t.equal(traceIn(Buffer.from(record)), undefined)
  }
  t.end()
})

// What lets writes through: what is believed of log and database, and after which question.

import t from 'tap'
import type { FoundLog, RegisteredLog } from '../../../lib/domain/log-identity.ts'
import { silentLog } from '../../../testing/settings.ts'
import { createLogGate } from './log-gate.ts'

const registered: RegisteredLog = { identity: 'kafka:a:b', partitions: 3, isClosed: false }

t.test('after a new connection it asks over a new one, and believes that', async (t) => {
  // As an address that leads to another cluster by now: the old connection does not.
  let found: FoundLog = { identity: registered.identity, partitions: 3 }
  const gate = createLogGate({
    name: 'todos',
    registered,
    readRegistered: () => Promise.resolve(registered),
    probe: {
      find: () => Promise.resolve(found),
      renew: () => void (found = { identity: 'kafka:another:c', partitions: 3 }),
    },
    partitions: 3,
    log: silentLog,
  })
  t.teardown(gate.close)
  await new Promise(setImmediate)
  t.equal(gate.refusal(), undefined)
  await gate.verify()
  t.match(gate.refusal(), /stored kafka:a:b, found kafka:another:c/)
})

// LISTEN through what happens to a connection: it is heard again, and that something may have been missed
// is said.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { testGate } from '../../../testing/gate.ts'
import { eventually } from '../../../testing/eventually.ts'
import { ownPostgres } from '../../../testing/services.ts'
import { listen } from './listen.ts'

const channel = 'news'

const startListening = (t: Test, url: string) => {
  const heard: string[] = []
  const stop = listen(url, channel, {
    onNotify: (payload) => heard.push(payload),
    onLost: () => heard.push('lost'),
    onListening: () => heard.push('listening'),
  })
  t.teardown(stop)
  return heard
}
const connectDirectly = (t: Test, url: string) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end({ timeout: 1 }))
  return sql
}

const faults = {
  'falls silent': (_sql: postgres.Sql, silence: () => void) => Promise.resolve(silence()),
  'is ended': (sql: postgres.Sql) =>
    sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'todos-listen'`,
}
for (const [what, fault] of Object.entries(faults)) {
  t.test(`a connection that ${what} is replaced, and says so`, async (t) => {
    const server = await ownPostgres(t)
    const gate = await testGate(t, server.port)
    const heard = startListening(t, gate.urlOf(server.url))
    const sql = connectDirectly(t, server.url)
    await eventually(
      () => [...heard],
      (all) => all.includes('listening'),
    )
    await sql.notify(channel, 'before')
    await eventually(
      () => [...heard],
      (all) => all.includes('before'),
    )
    await fault(sql, gate.silence)
    await eventually(
      () => [...heard],
      (all) => all.length >= 4,
    )
    await sql.notify(channel, 'after')
    await eventually(
      () => [...heard],
      (all) => all.includes('after'),
    )
    t.same(heard, ['listening', 'before', 'lost', 'listening', 'after'])
  })
}

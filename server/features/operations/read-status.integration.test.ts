// How the system does, as a system admin is shown it: of all processes, however few of them answer.

import t from 'tap'
import { loggedIn, startAuthServer } from '../../../testing/auth-client.ts'
import { eventually } from '../../../testing/eventually.ts'

type Status = {
  readonly requests: { per_second: number; p99_ms: number | null; seconds: number } | null
  readonly dependencies: Readonly<Record<string, string>>
}

/** On a connection of its own each: so many reach both processes. */
const asked = 60

t.test('requests of all processes are counted, from the second time on', async (t) => {
  const { client, sql } = await startAuthServer(t, { HTTP_PROCESSES: '2' })
  const { accessToken } = await loggedIn(client, 'root@b')
  await sql`UPDATE users SET role = 'system-admin'`
  const read = async () => {
    const answer = await client.send('GET', '/api/admin/status', accessToken)
    t.equal(answer.status, 200, answer.text)
    return JSON.parse(answer.text) as Status
  }
  const first = await read()
  t.equal(first.requests, null, 'nothing to compare with')
  t.match(first.dependencies, { postgres: 'ok', lists: 'ok' })
  for (let i = 0; i < asked; i++) await client.get('/api/profile', `Bearer ${accessToken}`)
  const { requests } = await eventually(read, (status) => status.requests !== null)
  const { per_second = 0, seconds = 0, p99_ms = null } = requests ?? {}
  t.ok(Math.round(per_second * seconds) >= asked - 1, `${per_second} a second in ${seconds} s`)
  t.ok(p99_ms !== null && p99_ms > 0, `99 of 100 within ${p99_ms} ms`)
})

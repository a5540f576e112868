// One's own account deleted, on both engines: with its password, not past the limit of wrong ones, never
// a team left without an admin, and out in every process. What becomes of its todos:
// testing/system/deleted-account.test.ts.

import t from 'tap'
import {
  loggedIn,
  password,
  startAuthServer,
  type AuthAnswer,
} from '../../../testing/auth-client.ts'
import { engineNames } from '../../../testing/engines/harness.ts'
import { eventually } from '../../../testing/eventually.ts'

const jsonOf = ({ text }: AuthAnswer) => JSON.parse(text) as Record<string, string>

for (const engine of engineNames) {
  void t.test(engine, async (t) => {
    const { client, sql } = await startAuthServer(t, {
      HTTP_ENGINE: engine,
      HTTP_PROCESSES: '2',
      AUTH_FAILED_LOGINS_MAX: '3',
    })
    const register = async (email: string) => {
      const { accessToken } = await loggedIn(client, email)
      const send = (method: string, path: string, body?: object) =>
        client.send(method, path, accessToken, body)
      const { id = '' } = jsonOf(await send('GET', '/api/profile'))
      const leave = (typed = password) => send('DELETE', '/api/profile', { password: typed })
      return { email, id, send, leave }
    }
    const join = (teamId: string, userId: string) =>
      sql`INSERT INTO team_members VALUES (${teamId}, ${userId}, 'member')`

    await t.test('it takes the password, and some may be wrong', async (t) => {
      const eve = await register('eve@b')
      const wrong = await eve.leave('another horse')
      t.equal(wrong.status, 403)
      t.match(jsonOf(wrong), { type: /wrong-password$/, field: 'password' })
      t.equal((await eve.send('DELETE', '/api/profile', {})).status, 400)
      for (let i = 0; i < 2; i++) await eve.leave('another horse')
      const tooMany = await eve.leave()
      t.same([tooMany.status, tooMany.text.length], [403, wrong.text.length], 'whatever it is now')
      const login = await client.post('/auth/login', { email: eve.email, password })
      t.equal(login.status, 401, 'counted together with logins')
      t.equal((await eve.send('GET', '/api/profile')).status, 200)
    })

    await t.test('not while a team would be left without an admin', async (t) => {
      const ann = await register('ann@b')
      const bob = await register('bob@b')
      const create = async (name: string) =>
        jsonOf(await ann.send('POST', '/api/teams', { name }))['id'] ?? ''
      const [trees, alone, roses] = [
        await create('Trees'),
        await create('X'),
        await create('Roses'),
      ]
      await join(trees, bob.id)
      await join(roses, bob.id)
      const refused = await ann.leave()
      t.equal(refused.status, 409)
      t.equal(
        jsonOf(refused)['detail'],
        `you are the last admin of teams with other members: Roses (${roses}), Trees (${trees})`,
      )
      t.equal((await ann.send('GET', '/api/profile')).status, 200, 'nothing has happened')
      t.equal((await sql`SELECT FROM erasures`).count, 0)
      for (const team of [trees, roses])
        await ann.send('PATCH', `/api/teams/${team}/members/${bob.id}`, { role: 'admin' })
      t.equal((await ann.leave()).status, 204)
      const teams = await sql`SELECT id FROM teams ORDER BY name`
      t.same(
        teams.map(({ id }) => id as string),
        [roses, trees],
        `${alone} had nobody else`,
      )
    })

    await t.test('then it is out everywhere, and written down', async (t) => {
      const cid = await register('cid@b')
      const race = await Promise.all([cid.leave(), cid.leave(), cid.leave()])
      const statuses = race.map(({ status }) => status).sort()
      t.equal(statuses[0], 204)
      t.ok(
        statuses.slice(1).every((status) => status === 401 || status === 404),
        statuses.join(),
      )
      await eventually(
        () => Promise.all(Array.from({ length: 20 }, () => cid.send('GET', '/api/profile'))),
        (answers) => answers.every(({ status }) => status === 401),
      )
      t.equal((await client.post('/auth/login', { email: cid.email, password })).status, 401)
      const entries = await sql`
        SELECT actor_id, subject_id FROM audit_log
        WHERE action = 'account.deleted' AND subject_id = ${cid.id}`
      t.same([...entries], [{ actor_id: cid.id, subject_id: cid.id }])
      const rows = await sql`SELECT FROM erasures WHERE user_id = ${cid.id}`
      t.equal(rows.count, 1)
    })
  })
}

// What somebody does about their own sessions, and a system admin about accounts and dead letters, on the page.

import postgres from 'postgres'
import t from 'tap'
import { password } from '../auth-client.ts'
import { checkView } from './axe.ts'
import { startPageStack } from './stack.ts'
import { openVisitor } from './visitor.ts'

/** A page of them is 50. */
const lettersCount = 60
const command = {
  schema: 1,
  kind: 'create',
  commandId: 'from-a-letter',
  todoId: 'of-a-letter',
  userId: 'nobody',
  atMs: 1_000,
  title: 'From a letter',
  description: '',
}

void t.test('the page, for those who look after it', async (t) => {
  const stack = await startPageStack(t)
  if (!stack) return
  const { client, env } = stack
  const sql = postgres(env['DATABASE_URL'] ?? '', { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end())
  const root = await openVisitor(t, stack)
  const { page } = root
  const confirm = (name: string) =>
    page.getByRole('dialog').getByRole('button', { name, exact: true }).click()
  const logInElsewhere = async () => {
    const answer = await client.post('/auth/login', { email: 'root@web.test', password })
    return answer.member('access_token')
  }
  const statusOf = async (token: string) =>
    (await client.get('/api/profile', `Bearer ${token}`)).status

  await t.test('ends a session of one’s own, and then all', async (t) => {
    await root.register('root@web.test')
    const token = await logInElsewhere()
    await root.open('/account')
    const sessions = page.locator('[data-session]')
    await sessions.nth(1).waitFor()
    const own = sessions.filter({ hasText: 'This one' })
    t.match(await own.textContent(), /Chrome, Linux.*from 127\.0\.0\.0\/24/s)
    await checkView(t, page, 'account')
    await sessions.getByRole('button', { name: 'End' }).click()
    await sessions.nth(1).waitFor({ state: 'detached' })
    t.equal(await statusOf(token), 401)

    const other = await logInElsewhere()
    await page.getByRole('button', { name: 'End all sessions' }).click()
    await page.getByText('You are logged out on every device').waitFor()
    await checkView(t, page, 'end all sessions')
    await confirm('End all sessions')
    await page.getByRole('heading', { name: 'Public list' }).waitFor()
    t.equal(await statusOf(other), 401)
    await page.reload()
    await page.getByRole('link', { name: 'Log in' }).first().waitFor()
    t.same(await root.context.cookies(), [], 'the cookie is gone')
  })

  await t.test('asks before an account goes', async (t) => {
    await client.post('/auth/register', { email: 'bob@web.test', password })
    await sql`UPDATE users SET role = 'system-admin' WHERE email = 'root@web.test'`
    await root.logIn('root@web.test')
    await root.open('/admin')
    await page.locator('[data-account]').nth(1).waitFor()
    await checkView(t, page, 'accounts')
    await page.getByLabel('Email').pressSequentially('BOB@web.test')
    t.equal(await page.getByRole('alert').count(), 0, 'nothing is asked while it is typed')
    await page.getByRole('button', { name: 'Find' }).click()
    await page.locator('[data-account]').nth(1).waitFor({ state: 'detached' })
    await page.getByLabel('Email').fill('')
    await page.getByRole('button', { name: 'Find' }).click()
    await page.locator('[data-account]').nth(1).waitFor()
    const manage = () => page.getByRole('button', { name: 'Manage bob@web.test' }).click()
    const bob = { email: 'bob@web.test', password }
    const logIn = () => client.post('/auth/login', bob)
    const token = (await logIn()).member('access_token')
    await manage()
    await page.getByText('1 session', { exact: true }).waitFor()
    await page.getByRole('dialog').getByText('node', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'End node last used' }).click()
    await page.getByText('0 sessions').waitFor()
    t.equal(await statusOf(token), 401)
    await page.getByRole('button', { name: 'Disable' }).click()
    await confirm('Disable')
    await page.locator('[data-account]').getByText('Disabled').waitFor()
    t.equal((await logIn()).status, 401)
    await manage()
    await page.getByRole('button', { name: 'Enable' }).click()
    await page.locator('[data-account]').getByText('Disabled').waitFor({ state: 'detached' })
    t.equal((await logIn()).status, 200)
    await manage()
    await page.getByRole('button', { name: 'Delete account' }).click()
    await page.getByText('It can not be undone.').waitFor()
    t.equal((await sql`SELECT FROM users`).count, 2, 'nothing is done yet')
    await confirm('Delete account')
    await page.locator('[data-account]').nth(1).waitFor({ state: 'detached' })
    t.equal((await sql`SELECT FROM users`).count, 1)
  })

  await t.test('scrolls through dead letters, and decides about them', async (t) => {
    const record = Buffer.from(JSON.stringify(command))
    await sql`
      INSERT INTO dead_letters (log, partition, record_offset, reason, record)
      SELECT ${env['KAFKA_TODO_TOPIC'] ?? ''}, 0, 1000000 + i, 'staged ' || i,
        CASE WHEN i = ${lettersCount} THEN ${record}::bytea ELSE '<b>no command</b>' END
      FROM generate_series(1, ${lettersCount}) AS i`
    await root.open('/admin')
    await page.getByRole('link', { name: 'Dead letters' }).click()
    const letters = page.locator('[data-letter]')
    await letters.first().waitFor()
    await checkView(t, page, 'dead letters')
    await page.mouse.wheel(0, 100_000)
    await letters.filter({ hasText: /staged 1\b/ }).waitFor()
    t.equal(await letters.count(), lettersCount)

    await letters
      .filter({ hasText: `staged ${lettersCount - 1}` })
      .getByRole('button')
      .click()
    await page.getByText('<b>no command</b>').waitFor()
    await checkView(t, page, 'a dead letter')
    await page.getByRole('button', { name: 'Replay' }).click()
    await confirm('Replay')
    await page.getByText('the record is no command that this release knows').waitFor()
    await confirm('Cancel')
    await page.getByRole('button', { name: 'Discard' }).click()
    await confirm('Discard')
    await page.getByText('The dead letter was discarded.').waitFor()

    await letters
      .filter({ hasText: `staged ${lettersCount}` })
      .getByRole('button')
      .click()
    await page.getByRole('button', { name: 'Replay' }).click()
    await confirm('Replay')
    await page.getByText('The dead letter was replayed.').waitFor()
    t.equal(await letters.count(), lettersCount - 2)
    await root.open('/')
    await root.row(command.title).waitFor()
    t.pass('what was replayed is applied')
  })

  await t.test('says who did what, and how the system does', async (t) => {
    await root.open('/admin/audit')
    for (const action of [
      'letter.replayed',
      'letter.discarded',
      'account.deleted',
      'session.ended',
    ])
      await page.locator(`[data-entry='${action}']`).first().waitFor()
    await checkView(t, page, 'audit log')
    await root.open('/status')
    const figure = (name: string) => page.locator(`[data-figure="${name}"]`)
    await figure('Requests a second').getByRole('img').waitFor()
    t.match(await figure('Requests a second').textContent(), /\d/)
    t.match(await figure('99 of 100 answered within').textContent(), /\d ms/)
    for (const name of ['Writes a second', 'Age of the lists', 'Commands behind'])
      await figure(name).getByRole('img').waitFor()
    const dependency = page.getByRole('listitem').filter({ hasText: 'postgres' })
    t.match(await dependency.textContent(), 'ok')
    t.match(await figure('letters').textContent(), String(lettersCount - 2))
    await page.getByText('The newest dead letter').waitFor()
    await checkView(t, page, 'status')
  })

  t.same(root.complaints, [], 'no browser complained')
})

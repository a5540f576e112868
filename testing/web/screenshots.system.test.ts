// The pictures of the docs, taken of the page as it is: `npm run docs:screenshots`. Beside them each view in both
// themes and widths, in .data/screenshots, to be looked at.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import postgres from 'postgres'
import t from 'tap'
import { repository } from '../../scripts/paths.ts'
import { password } from '../auth-client.ts'
import { createPictures } from './pictures.ts'
import { startPageStack } from './stack.ts'
import { openVisitor } from './visitor.ts'

const directory = process.env['SCREENSHOTS'] ?? ''
const views = fileURLToPath(new URL('.data/screenshots', repository))
const wide = { width: 1120, height: 640 }
const phone = { width: 360, height: 640 }
const about = 'Two of the orchids dry out first. The others have time until the evening.'

void t.test('the pictures of the docs', { skip: directory === '' }, async (t) => {
  const stack = await startPageStack(t)
  if (!stack) return
  const { mail, client } = stack
  const sql = postgres(stack.env['DATABASE_URL'] ?? '', { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end())
  const ann = await openVisitor(t, stack, { viewport: wide })
  const bob = await openVisitor(t, stack, { viewport: phone, colorScheme: 'dark' })
  const cleo = await openVisitor(t, stack, { viewport: wide })
  const { page } = ann
  const picture = await createPictures(views)
  const take = (page: Page, name: string) =>
    page.screenshot({ path: join(directory, `${name}.png`) })
  const settled = (page: Page) => page.waitForLoadState('networkidle')
  const look = async (path: string, name: string, who = ann) => {
    await who.open(path)
    await settled(who.page)
    await picture(who.page, name)
  }

  await look('/', 'public-empty', cleo)
  for (const view of ['login', 'register', 'forgot']) await look(`/${view}`, view, cleo)
  await look('/reset#token=abc', 'reset', cleo)
  await look('/verify#token=abc', 'verify', cleo)
  await look('/#invitation=abc', 'invitation-logged-out', cleo)
  await look('/nowhere', 'not-found', cleo)
  await cleo.open('/login')
  await cleo.page.getByLabel('Email').fill('cleo@flowers.example')
  await cleo.page.getByLabel('Password').fill('wrong')
  await cleo.page.keyboard.press('Enter')
  await cleo.page.getByRole('alert').waitFor()
  await picture(cleo.page, 'login-refused')

  await ann.register('ann@flowers.example')
  await look('/mine', 'mine-empty')
  await look('/shared', 'shared-empty')
  await look('/teams', 'teams-empty')
  await ann.open('/mine')
  for (const title of ['Renew the lease', 'Call the accountant', 'Plan the spring window']) {
    await ann.add(title)
    await ann.saved()
  }
  await page.getByRole('checkbox', { name: 'Done: Call the accountant' }).check()
  await ann.saved()
  await take(page, 'mine')
  await picture(page, 'mine')
  await page.getByRole('button', { name: 'Edit: Renew the lease' }).click()
  await picture(page, 'editor')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Delete: Renew the lease' }).click()
  await page.getByRole('button', { name: 'Undo' }).waitFor()
  await page.screenshot({ path: join(views, 'undo.png') })
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByLabel('What is to be done?').fill('\u200b')
  await page.keyboard.press('Enter')
  await page.getByText('Not saved:').waitFor()
  await picture(page, 'refused')
  await page.getByRole('button', { name: 'Discard' }).click()
  await ann.context.setOffline(true)
  await ann.add('Written in a tunnel')
  await picture(page, 'offline')
  await ann.context.setOffline(false)
  await ann.saved()

  await ann.open('/teams')
  await page.getByLabel('Name of a new team').fill('Flower shop')
  await page.getByRole('button', { name: 'Create team' }).click()
  await page.getByRole('heading', { name: 'Flower shop' }).waitFor()
  await picture(page, 'team-empty')
  await page.getByRole('link', { name: 'Members' }).click()
  await page.getByLabel('Email').fill('bob@flowers.example')
  await page.getByRole('button', { name: 'Invite' }).click()
  await page.getByText('bob@flowers.example').first().waitFor()
  await picture(page, 'members-invited')
  await bob.register('bob@flowers.example')
  const token = await mail.token('invitation', 'bob@flowers.example')
  await look('/teams', 'teams-invited', bob)
  await look(`/#invitation=${token}`, 'invitation', bob)
  await bob.page.getByRole('button', { name: 'Join' }).click()
  await bob.page.getByRole('heading', { name: 'Flower shop' }).waitFor()
  await page.getByRole('link', { name: 'Todos', exact: true }).last().click()
  for (const title of ['Water the orchids', 'Order ribbons', 'Sweep the shop']) {
    await bob.add(title)
    await bob.saved()
  }
  await page.locator('[data-present="2"]').waitFor()
  await ann.row('Sweep the shop').waitFor()
  await page.getByRole('button', { name: 'Edit: Water the orchids' }).click()
  await page.getByLabel('Description').fill(about)
  await page.getByLabel('Assigned to').selectOption({ label: 'bob@flowers.example' })
  await picture(page, 'team-editor')
  await page.getByRole('button', { name: 'Save' }).click()
  await ann.saved()
  await bob.row('Water the orchids').getByText(about).waitFor()
  await take(page, 'team')
  await take(bob.page, 'team-phone')
  await picture(page, 'team')
  await look('/teams', 'teams')

  await page.getByRole('link', { name: 'Flower shop' }).click()
  await page.getByRole('button', { name: 'Edit: Order ribbons' }).click()
  await bob.page.getByRole('button', { name: 'Edit: Order ribbons' }).click()
  await bob.page.getByLabel('Title').fill('Order red ribbons')
  await bob.page.keyboard.press('Enter')
  await bob.saved()
  await page.getByLabel('Title').fill('Order wide ribbons')
  await page.keyboard.press('Enter')
  await page.locator('[data-conflict]').waitFor()
  await take(page, 'conflict')
  await picture(page, 'conflict')
  await page.getByRole('button', { name: 'Keep theirs' }).click()
  await page.getByRole('link', { name: 'Members' }).click()
  await page.getByRole('heading', { name: 'Audit log' }).waitFor()
  await picture(page, 'members')
  await page.getByRole('button', { name: 'Delete team' }).click()
  await picture(page, 'delete-team')
  await page.keyboard.press('Escape')

  await bob.open(`/verify#token=${await mail.token('verify-email', 'bob@flowers.example')}`)
  await bob.page.getByRole('button', { name: 'Confirm' }).click()
  await bob.page.getByText('Your address is confirmed.').waitFor()
  await ann.open('/mine')
  await page.getByRole('button', { name: 'Share: Plan the spring window' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Email').fill('bob@flowers.example')
  await dialog.getByRole('button', { name: 'Share', exact: true }).click()
  await dialog.getByRole('listitem').filter({ hasText: 'bob@flowers.example' }).waitFor()
  await picture(page, 'share')
  await page.keyboard.press('Escape')
  await look('/shared', 'shared', bob)
  await ann.open('/')
  for (const title of ['The street festival is on Saturday', 'Who has a ladder?']) {
    await ann.add(title)
    await ann.saved()
  }
  await picture(page, 'public')
  await look('/', 'public-logged-out', cleo)
  await cleo.page.setViewportSize(phone)
  await cleo.page.getByRole('button', { name: 'Menu' }).click()
  await cleo.page.screenshot({ path: join(views, 'menu.png') })
  await look('/status', 'status-of-anybody', cleo)
  await look('/status', 'status-of-a-user', bob)
  await look('/admin', 'admin-refused', bob)

  await client.post('/auth/login', { email: 'ann@flowers.example', password })
  await look('/account', 'account')
  await page.getByRole('button', { name: 'End all sessions' }).click()
  await picture(page, 'end-all-sessions')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Delete account' }).click()
  await picture(page, 'delete-account')
  await page.keyboard.press('Escape')

  await sql`UPDATE users SET role = 'system-admin' WHERE email = 'ann@flowers.example'`
  await look('/admin/dead-letters', 'dead-letters-none')
  await sql`
    INSERT INTO dead_letters (log, partition, record_offset, reason, record)
    SELECT ${stack.env['KAFKA_TODO_TOPIC'] ?? ''}, 0, 1000000 + i,
      'the record is no command that this release knows', '{"schema":7,"kind":"merge"}'
    FROM generate_series(1, 3) AS i`
  await look('/admin', 'accounts')
  await page.getByRole('button', { name: 'Manage bob@flowers.example' }).click()
  await page.getByRole('dialog').waitFor()
  await picture(page, 'an-account')
  await page.keyboard.press('Escape')
  await look('/admin/dead-letters', 'dead-letters')
  await page.locator('[data-letter]').first().getByRole('button').click()
  await page.getByRole('dialog').waitFor()
  await picture(page, 'a-dead-letter')
  await page.keyboard.press('Escape')
  await look('/admin/audit', 'audit')
  await sql`TRUNCATE dead_letters`
  await ann.open('/status')
  const requests = page.locator('[data-figure="Requests a second"]')
  await requests.getByRole('img').waitFor()
  // A line of a few points says more than one of two.
  for (let i = 0; i < 40; i++) {
    for (let all = 0; all < 20 + 3 * i; all++)
      await fetch(`${stack.url}/todos?limit=${1 + (all % 9)}`)
    await page.waitForTimeout(250)
  }
  await take(page, 'status')
  await picture(page, 'status')
})

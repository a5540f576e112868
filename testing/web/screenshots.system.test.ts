// The pictures of the docs, taken of the page as it is: `npm run docs:screenshots`.

import { join } from 'node:path'
import type { Page } from 'playwright-core'
import postgres from 'postgres'
import t from 'tap'
import { startPageStack } from './stack.ts'
import { openVisitor } from './visitor.ts'

const directory = process.env['SCREENSHOTS'] ?? ''
const wide = { width: 1120, height: 640 }
const phone = { width: 360, height: 640 }

void t.test('the pictures of the docs', { skip: directory === '' }, async (t) => {
  const stack = await startPageStack(t)
  if (!stack) return
  const { mail } = stack
  const ann = await openVisitor(t, stack, { viewport: wide })
  const bob = await openVisitor(t, stack, { viewport: phone, colorScheme: 'dark' })
  const take = (page: Page, name: string) =>
    page.screenshot({ path: join(directory, `${name}.png`) })

  await ann.register('ann@flowers.example')
  for (const title of ['Renew the lease', 'Call the accountant', 'Plan the spring window']) {
    await ann.add(title)
    await ann.saved()
  }
  await ann.page.getByRole('checkbox', { name: 'Done: Call the accountant' }).check()
  await ann.saved()
  await take(ann.page, 'mine')

  await ann.open('/teams')
  await ann.page.getByLabel('Name of a new team').fill('Flower shop')
  await ann.page.getByRole('button', { name: 'Create team' }).click()
  await ann.page.getByRole('link', { name: 'Members' }).click()
  await ann.page.getByLabel('Email').fill('bob@flowers.example')
  await ann.page.getByRole('button', { name: 'Invite' }).click()
  await bob.register('bob@flowers.example')
  const token = await mail.token('invitation', 'bob@flowers.example')
  await bob.open(`/#invitation=${token}`)
  await bob.page.getByRole('button', { name: 'Join' }).click()
  await bob.page.getByRole('heading', { name: 'Flower shop' }).waitFor()
  await ann.page.getByRole('link', { name: 'Todos', exact: true }).last().click()
  for (const title of ['Water the orchids', 'Order ribbons', 'Sweep the shop']) {
    await bob.add(title)
    await bob.saved()
  }
  await ann.page.locator('[data-present="2"]').waitFor()
  await ann.row('Sweep the shop').waitFor()
  await take(ann.page, 'team')
  await take(bob.page, 'team-phone')

  await ann.page.getByRole('button', { name: 'Edit: Order ribbons' }).click()
  await bob.page.getByRole('button', { name: 'Edit: Order ribbons' }).click()
  await bob.page.getByLabel('Title').fill('Order red ribbons')
  await bob.page.keyboard.press('Enter')
  await bob.saved()
  await ann.page.getByLabel('Title').fill('Order wide ribbons')
  await ann.page.keyboard.press('Enter')
  await ann.page.locator('[data-conflict]').waitFor()
  await take(ann.page, 'conflict')

  const sql = postgres(stack.env['DATABASE_URL'] ?? '', { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end())
  await sql`UPDATE users SET role = 'system-admin' WHERE email = 'ann@flowers.example'`
  await ann.open('/status')
  const requests = ann.page.locator('[data-figure="Requests a second"]')
  await requests.getByRole('img').waitFor()
  // A line of a few points says more than one of two.
  for (let i = 0; i < 40; i++) {
    for (let all = 0; all < 20 + 3 * i; all++)
      await fetch(`${stack.url}/todos?limit=${1 + (all % 9)}`)
    await ann.page.waitForTimeout(250)
  }
  await take(ann.page, 'status')
})

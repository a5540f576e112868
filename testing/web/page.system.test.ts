// What people do on the page, in a real browser against the real stack. STACK=real has it on Kafka and Redis,
// HTTP_ENGINE=uws on the other engine; `npm run test:web` has both, and longer flows.

import t from 'tap'
import { password } from '../auth-client.ts'
import { checkView } from './axe.ts'
import { checkBudgets } from './budgets.ts'
import { startServer } from '../../scripts/stack/processes.ts'
import { startPageStack } from './stack.ts'
import { openVisitor } from './visitor.ts'

const hostile = '<img src=x onerror=alert(1)> ‮"\'&lt;'

void t.test('the page', async (t) => {
  const stack = await startPageStack(t)
  if (!stack) return
  const { mail, env } = stack
  const [ann, bob, visitor] = [
    await openVisitor(t, stack),
    await openVisitor(t, stack),
    await openVisitor(t, stack),
  ]

  await t.test('registers, confirms the address, and stays logged in', async (t) => {
    await ann.register('ann@web.test')
    const token = await mail.token('verify-email', 'ann@web.test')
    await ann.open(`/verify#token=${token}`)
    t.notMatch(ann.page.url(), token, 'the token is out of the address')
    await ann.page.getByRole('button', { name: 'Confirm' }).click()
    await ann.page.getByText('Your address is confirmed.').waitFor()
    await ann.page.reload()
    await ann.page.getByRole('heading', { name: 'My todos' }).waitFor()
    await ann.add('Is it still me?')
    await ann.saved()
    t.pass('a reload is no log out')
  })

  await t.test('creates, edits in place, completes, deletes and has back', async (t) => {
    const { page } = ann
    await ann.add('Buy milk')
    await ann.saved()
    await page.getByRole('button', { name: 'Edit: Buy milk' }).click()
    await page.getByLabel('Title').fill('Buy oat milk')
    await page.keyboard.press('Enter')
    await ann.row('Buy oat milk').waitFor()
    await page.getByRole('checkbox', { name: 'Done: Buy oat milk' }).check()
    await ann.saved()
    await page.getByRole('button', { name: 'Delete: Buy oat milk' }).click()
    await ann.row('Buy oat milk').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Undo' }).click()
    await ann.row('Buy oat milk').waitFor()
    await page.reload()
    await ann.row('Buy oat milk').waitFor()
    t.ok(await page.getByRole('checkbox', { name: 'Done: Buy oat milk' }).isChecked())
  })

  await t.test('says why the server refuses, and gives the text back', async (t) => {
    await ann.page.getByLabel('What is to be done?').fill('\u200b')
    await ann.page.keyboard.press('Enter')
    const refused = ann.page.locator('[data-state=refused]')
    await refused.getByText('Not saved:').waitFor()
    await refused.getByRole('button', { name: 'Discard' }).click()
    await refused.waitFor({ state: 'detached' })
    t.pass('gone when it is given up')
  })

  await t.test('shows what others add to the public list as it happens', async (t) => {
    await visitor.open('/')
    await ann.open('/')
    await visitor.page.locator('[data-connection=live]').first().waitFor()
    await ann.add(hostile)
    await visitor.row(hostile).waitFor()
    t.match(await visitor.row(hostile).textContent(), 'changed by someone')
    await checkView(t, visitor.page, 'public')
    await checkBudgets(t, stack.browser, stack.url)
  })

  await t.test('is the same on the other engine, and live between both', async (t) => {
    const other = await startServer({
      ...env,
      HTTP_ENGINE: env['HTTP_ENGINE'] === 'uws' ? 'node' : 'uws',
    })
    t.teardown(() => other.stop())
    const cleo = await openVisitor(t, {
      browser: stack.browser,
      url: `http://127.0.0.1:${other.port}`,
    })
    await cleo.register('cleo@web.test')
    await cleo.open('/')
    await cleo.page.locator('[data-connection=live]').first().waitFor()
    await cleo.add('From over there')
    await visitor.row('From over there').waitFor()
    await ann.add('From over here')
    await cleo.row('From over here').waitFor()
    await cleo.saved()
    t.same(cleo.complaints, [])
    await cleo.context.close()
  })

  await t.test('works in a team with somebody else', async (t) => {
    await ann.open('/teams')
    await ann.page.getByLabel('Name of a new team').fill(hostile)
    await ann.page.getByRole('button', { name: 'Create team' }).click()
    await ann.page.getByRole('link', { name: 'Members' }).click()
    await ann.page.getByLabel('Email').fill('bob@web.test')
    await ann.page.getByRole('button', { name: 'Invite' }).click()
    await ann.page.getByText('bob@web.test').first().waitFor()
    await bob.register('bob@web.test')
    const token = await mail.token('invitation', 'bob@web.test')
    await bob.open(`/#invitation=${token}`)
    await checkView(t, bob.page, 'invitation')
    await bob.page.getByRole('button', { name: 'Join' }).click()
    await bob.page.getByRole('heading', { name: hostile }).waitFor()
    await ann.page.getByText('bob@web.test').first().waitFor()
    await checkView(t, ann.page, 'members')
    await ann.page.getByRole('link', { name: 'Todos', exact: true }).last().click()
    await ann.page.locator('[data-present="2"]').waitFor()
    await bob.page.getByLabel('What is to be done?').pressSequentially('Order')
    await ann.page.getByText('bob@web.test is typing…').waitFor()
    await bob.add('Order ribbons')
    await ann.row('Order ribbons').getByText('changed by bob@web.test').waitFor()
    await checkView(t, ann.page, 'team')
  })

  await t.test('shows both versions where two edit the same', async (t) => {
    await ann.page.getByRole('button', { name: 'Edit: Order ribbons' }).click()
    await bob.saved()
    await bob.page.getByRole('button', { name: 'Edit: Order ribbons' }).click()
    await bob.page.getByLabel('Title').fill('Order red ribbons')
    await bob.page.keyboard.press('Enter')
    await bob.saved()
    await ann.page.getByLabel('Title').fill('Order wide ribbons')
    await ann.page.keyboard.press('Enter')
    const conflict = ann.page.locator('[data-conflict]')
    await conflict.waitFor()
    const text = (await conflict.textContent()) ?? ''
    t.match(text, 'Order red ribbons')
    t.match(text, 'Order wide ribbons')
    await checkView(t, ann.page, 'conflict')
    await conflict.getByRole('button', { name: 'Keep mine' }).click()
    await bob.row('Order wide ribbons').waitFor()
    await ann.saved()
  })

  await t.test('keeps what is written without a network, and sends it once', async (t) => {
    await ann.open('/mine')
    await ann.page.evaluate('navigator.serviceWorker.ready.then(() => true)')
    await ann.add('Just before the tunnel')
    await ann.saved()
    await ann.context.setOffline(true)
    await ann.add('Written in a tunnel')
    await ann.page.reload()
    await ann.row('Just before the tunnel').waitFor()
    await ann.row('Written in a tunnel').waitFor()
    await ann.row('Buy oat milk').waitFor()
    t.ok(await ann.row('Written in a tunnel').locator('[data-pending]').isVisible(), 'marked')
    await checkView(t, ann.page, 'mine')
    await ann.context.setOffline(false)
    await ann.saved()
    await ann.page.reload()
    await ann.row('Written in a tunnel').waitFor()
    t.equal(await ann.row('Written in a tunnel').count(), 1)
  })

  await t.test('is usable by everybody on each of its views', async (t) => {
    for (const view of ['shared', 'teams', 'status', 'admin', 'account']) {
      await ann.open(`/${view}`)
      await ann.page.waitForLoadState('networkidle')
      await checkView(t, ann.page, view)
    }
    for (const view of ['login', 'register', 'forgot']) {
      await visitor.open(`/${view}`)
      await checkView(t, visitor.page, view)
    }
  })

  await t.test('speaks German, and has a new password by mail', async (t) => {
    await ann.open('/account')
    await ann.page.getByLabel('Language').selectOption('de')
    await ann.page.getByRole('button', { name: 'Abmelden' }).click()
    await ann.page.getByRole('heading', { name: 'Öffentliche Liste' }).waitFor()
    await visitor.open('/forgot')
    await visitor.page.getByLabel('Email').fill('ann@web.test')
    await visitor.page.getByRole('button', { name: 'Send me a mail' }).click()
    const token = await mail.token('reset-password', 'ann@web.test')
    await visitor.open(`/reset#token=${token}`)
    await visitor.page.getByLabel('New password').fill(`${password}!`)
    await visitor.page.getByRole('button', { name: 'Choose a new password' }).click()
    await visitor.page.getByRole('heading', { name: 'Log in' }).waitFor()
    t.pass('and logs in with it')
  })

  t.same(
    [ann, bob, visitor].flatMap(({ complaints }) => complaints),
    [],
    'no browser complained',
  )
})

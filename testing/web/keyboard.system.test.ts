// The whole life of a todo, a team and an account without a mouse. With `npm run test:web` alone.

import t from 'tap'
import { password } from '../auth-client.ts'
import { keyboardOf } from './keyboard.ts'
import { isLong, startPageStack } from './stack.ts'
import { openVisitor } from './visitor.ts'

void t.test('without a mouse', { skip: !isLong }, async (t) => {
  const stack = await startPageStack(t)
  if (!stack) return
  const ann = await openVisitor(t, stack)
  const { page } = ann
  const keys = keyboardOf(ann)
  const heading = (name: string) => page.getByRole('heading', { name, level: 1 }).waitFor()

  await t.test('an account is made', async (t) => {
    await ann.open('/')
    await keys.press('Tab')
    t.equal(await keys.focused(), 'Skip to the content')
    await keys.press('Enter')
    await keys.follow('Log in')
    await heading('Log in')
    t.equal(await keys.focused(), 'Log in', 'the title is read first')
    await keys.follow('Register')
    await heading('Register')
    await keys.fill('Email', 'ann@keys.test')
    await keys.press('Tab')
    await keys.type(password)
    await keys.press('Enter')
    await heading('My todos')
  })

  await t.test('a todo is made, edited, done, deleted and had back', async (t) => {
    await keys.press('Alt+n')
    for (const title of ['One', 'Two', 'Three']) {
      await keys.type(title)
      await keys.press('Enter')
      await ann.row(title).waitFor()
    }
    await ann.saved()
    await keys.to('Edit: Three')
    await keys.press('ArrowDown')
    t.equal(await keys.focused(), 'Edit: Two')
    await keys.press('Enter')
    await keys.type(' and a half')
    await keys.press('Tab')
    await keys.type('Said about it')
    await keys.press('Control+Enter')
    await ann.row('Said about it').waitFor()
    t.equal(await keys.focused(), 'Edit: Two and a half', 'where the editing began')
    await keys.press('Enter')
    await keys.type(' never')
    await keys.press('Escape')
    t.equal(await keys.focused(), 'Edit: Two and a half', 'given up')
    await keys.to('Done: Two and a half', true)
    await keys.press('Space')
    t.ok(await page.getByRole('checkbox', { name: 'Done: Two and a half' }).isChecked())
    await keys.follow('Delete: Two and a half')
    await ann.row('Two and a half').waitFor({ state: 'detached' })
    t.match(await keys.focused(), 'One', 'the next')
    await keys.press('Control+z')
    await ann.row('Two and a half').waitFor()
    for (const title of ['One', 'Two and a half', 'Three']) {
      await keys.follow(`Delete: ${title}`)
    }
    await page.getByText('All clear').waitFor()
    t.equal(await keys.focused(), 'What is to be done?')
    await keys.follow('Undo')
    await page.locator('[data-todo]').waitFor()
    await ann.saved()
  })

  await t.test('what is refused is given up', async (t) => {
    await keys.press('Alt+n')
    await keys.type('\u200b')
    await keys.press('Enter')
    await page.getByText('Not saved:').waitFor()
    await keys.follow('Discard')
    await page.getByText('Not saved:').waitFor({ state: 'detached' })
    t.pass('by keys')
  })

  await t.test('a todo is shared', async (t) => {
    await keys.follow(/^Share: /)
    await page.getByRole('dialog').waitFor()
    await keys.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    t.match(await keys.focused(), 'Share: ', 'the focus is where it was')
  })

  await t.test('a team is made, invited to, renamed and deleted', async (t) => {
    await keys.follow('Teams')
    await heading('Teams')
    await keys.fill('Name of a new team', 'Flower shop')
    await keys.press('Enter')
    await heading('Flower shop')
    await keys.follow('Members')
    await keys.fill('Email', 'bob@keys.test')
    await keys.press('Enter')
    await page.getByText('bob@keys.test').first().waitFor()
    await keys.follow(/^Withdraw/)
    await page.getByText('bob@keys.test').first().waitFor({ state: 'detached' })
    await keys.to('Name')
    await keys.press('End')
    await keys.type('s')
    await keys.press('Enter')
    await heading('Flower shops')
    await keys.follow('Delete team')
    await page.getByRole('dialog').waitFor()
    await keys.follow('Delete team')
    await heading('Teams')
    t.pass('by keys')
  })

  await t.test('an account is deleted', async (t) => {
    await keys.follow('Account')
    await heading('Account')
    await keys.to('Theme')
    await keys.press('ArrowDown')
    await page.locator('html[data-theme=light]').waitFor()
    await keys.follow('Delete account')
    await page.getByRole('dialog').waitFor()
    await keys.fill('Password', password)
    await keys.press('Enter')
    await heading('Public list')
    await page.getByText('Your account is deleted.').waitFor()
    t.pass('by keys')
  })
  t.same(keys.hidden, [], 'the focus was always to be seen')
  t.same(ann.complaints, [])
})

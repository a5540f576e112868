// What several people do with one another's todos: share them, and meet in the same one. And how one of them takes
// their data along and goes. With `npm run test:web` alone.

import { readFile } from 'node:fs/promises'
import t from 'tap'
import { password } from '../auth-client.ts'
import { isLong, startPageStack } from './stack.ts'
import { openVisitor, type Visitor } from './visitor.ts'

/** Changes what a row says by its editor. */
const edit = async (
  { page }: Visitor,
  title: string,
  fields: { readonly title?: string; readonly description?: string; readonly assignee?: string },
) => {
  await page.getByRole('button', { name: `Edit: ${title}`, exact: true }).click()
  const form = page.getByRole('form', { name: `Editing ${title}` })
  if (fields.title !== undefined) await form.getByLabel('Title').fill(fields.title)
  if (fields.description !== undefined)
    await form.getByLabel('Description').fill(fields.description)
  if (fields.assignee !== undefined)
    await form.getByLabel('Assigned to').selectOption({ label: fields.assignee })
  return () => form.getByRole('button', { name: 'Save' }).click()
}

void t.test('people', { skip: !isLong }, async (t) => {
  const stack = await startPageStack(t)
  if (!stack) return
  const { mail, client } = stack
  const [ann, bob] = [await openVisitor(t, stack), await openVisitor(t, stack)]
  for (const [one, email] of [
    [ann, 'ann@people.test'],
    [bob, 'bob@people.test'],
  ] as const) {
    await one.register(email)
    await one.open(`/verify#token=${await mail.token('verify-email', email)}`)
    await one.page.getByRole('button', { name: 'Confirm' }).click()
    await one.page.getByText('Your address is confirmed.').waitFor()
  }

  await t.test('a todo is shared, read, then edited, and shared no more', async (t) => {
    await ann.open('/mine')
    await ann.add('Plan the trip')
    await ann.saved()
    const share = async (role: string) => {
      await ann.page.getByRole('button', { name: 'Share: Plan the trip' }).click()
      const dialog = ann.page.getByRole('dialog')
      await dialog.getByLabel('Email').fill('bob@people.test')
      await dialog.getByLabel('They may').selectOption({ label: role })
      await dialog.getByRole('button', { name: 'Share', exact: true }).click()
      await dialog.getByRole('listitem').filter({ hasText: 'bob@people.test' }).waitFor()
      return dialog
    }
    const dialog = await share('read it')
    await dialog.getByRole('button', { name: 'Close' }).click()
    await bob.open('/shared')
    await bob.row('Plan the trip').getByText('from ann@people.test').waitFor()
    t.equal(await bob.page.getByRole('button', { name: 'Edit: Plan the trip' }).count(), 0)
    await share('edit it')
    await bob.open('/shared')
    const save = await edit(bob, 'Plan the trip', { title: 'Plan the long trip' })
    await save()
    await bob.saved()
    await ann.row('Plan the long trip').waitFor()
    t.match(await ann.row('Plan the long trip').textContent(), 'changed by')
    await dialog.getByRole('button', { name: 'Stop sharing with bob@people.test' }).click()
    await bob.row('Plan the long trip').waitFor({ state: 'detached' })
    await dialog.getByRole('button', { name: 'Close' }).click()
  })

  await t.test('a team sees who is there, and who leaves', async (t) => {
    await ann.open('/teams')
    await ann.page.getByLabel('Name of a new team').fill('Travellers')
    await ann.page.getByRole('button', { name: 'Create team' }).click()
    await ann.page.getByRole('link', { name: 'Members' }).click()
    await ann.page.getByLabel('Email').fill('bob@people.test')
    await ann.page.getByRole('button', { name: 'Invite' }).click()
    const token = await mail.token('invitation', 'bob@people.test')
    await bob.open('/teams')
    await bob.page.getByText('Travellers').waitFor()
    await bob.page.getByLabel('Invitation code or link').fill(token)
    await bob.page.getByRole('button', { name: 'Join' }).click()
    await bob.page.getByRole('heading', { name: 'Travellers' }).waitFor()
    await ann.page.getByRole('link', { name: 'Todos', exact: true }).last().click()
    await ann.page.locator('[data-present="2"]').waitFor()
    await bob.open('/mine')
    await ann.page.locator('[data-present="1"]').waitFor()
    t.pass('one is left')
    await bob.open(new URL(ann.page.url()).pathname.replace('/app', ''))
  })

  await t.test('two who write the same choose, whichever part of a todo it is', async (t) => {
    const meetings = [
      { title: 'Title', mine: { title: 'Mine' }, theirs: { title: 'Theirs' } },
      {
        title: 'Description',
        mine: { description: 'mine' },
        theirs: { description: 'theirs' },
      },
      {
        title: 'Assignee',
        mine: { assignee: 'ann@people.test' },
        theirs: { assignee: 'bob@people.test' },
      },
    ] as const
    for (const { title, mine, theirs } of meetings) {
      await ann.add(title)
      await ann.saved()
      await bob.row(title).waitFor()
      const save = await edit(ann, title, mine)
      const saveTheirs = await edit(bob, title, theirs)
      await saveTheirs()
      await bob.saved()
      await save()
      const conflict = ann.page.locator('[data-conflict]')
      await conflict.waitFor()
      const text = (await conflict.textContent()) ?? ''
      t.match(text, Object.values(theirs)[0] ?? '')
      t.match(text, title === 'Assignee' ? 'Assigned to: you' : (Object.values(mine)[0] ?? ''))
      await conflict.getByRole('button', { name: 'Keep mine' }).click()
      await ann.saved()
      await conflict.waitFor({ state: 'detached' })
    }
    await bob.page.getByRole('button', { name: 'Edit: Mine', exact: true }).waitFor()
    await bob.row('Description').getByText('mine', { exact: true }).waitFor()
    await bob.row('Assignee').getByText('ann@people.test', { exact: true }).waitFor()
  })

  await t.test('two who write different parts do not disturb each other', async (t) => {
    await ann.add('Pack')
    await ann.saved()
    await bob.row('Pack').waitFor()
    const save = await edit(ann, 'Pack', { description: 'Two bags' })
    const saveTheirs = await edit(bob, 'Pack', { title: 'Pack soon' })
    await saveTheirs()
    await bob.page.getByRole('checkbox', { name: 'Done: Pack soon' }).check()
    await bob.saved()
    await save()
    await ann.saved()
    await bob.row('Pack soon').getByText('Two bags').waitFor()
    t.equal(await ann.page.locator('[data-conflict]').count(), 0)
    t.ok(await ann.page.getByRole('checkbox', { name: 'Done: Pack soon' }).isChecked())
  })

  await t.test('who deletes what another writes is asked, and the other way round', async (t) => {
    for (const title of ['Deleted by me', 'Deleted by them', 'Let go']) {
      await ann.add(title)
      await ann.saved()
      await bob.row(title).waitFor()
    }
    const conflict = ann.page.locator('[data-conflict]')
    await ann.page.getByRole('button', { name: 'Delete: Deleted by me' }).click()
    const saveTheirs = await edit(bob, 'Deleted by me', { title: 'Written by them' })
    await saveTheirs()
    await bob.saved()
    await conflict.waitFor()
    t.match(
      await conflict.textContent(),
      /Your version\s*Deleted\s*Their version\s*Written by them/,
    )
    await conflict.getByRole('button', { name: 'Keep theirs' }).click()
    await ann.saved()
    await ann.row('Written by them').waitFor()

    const save = await edit(ann, 'Deleted by them', { title: 'Kept by me' })
    await bob.page.getByRole('button', { name: 'Delete: Deleted by them' }).click()
    await bob.saved()
    await save()
    await conflict.waitFor()
    t.match(await conflict.textContent(), /Your version\s*Kept by me\s*Their version\s*Deleted/)
    await conflict.getByRole('button', { name: 'Keep mine' }).click()
    await ann.saved()
    await bob.row('Kept by me').waitFor()

    const saveLast = await edit(ann, 'Let go', { title: 'Not kept' })
    await bob.page.getByRole('button', { name: 'Delete: Let go' }).click()
    await bob.saved()
    await saveLast()
    await conflict.getByRole('button', { name: 'Keep theirs' }).click()
    await ann.row('Let go').waitFor({ state: 'detached' })
    await ann.saved()
    await ann.page.reload()
    await ann.row('Kept by me').waitFor()
    t.equal(await ann.page.locator('[data-conflict], [data-state=refused]').count(), 0)
  })

  await t.test('what is typed stays while others add, and the row gets its name', async (t) => {
    await ann.page.getByLabel('What is to be done?').fill('Begun just now')
    await ann.page.keyboard.press('Enter')
    await ann.page.getByRole('button', { name: 'Edit: Begun just now' }).click()
    const form = ann.page.getByRole('form', { name: 'Editing Begun just now' })
    await form.getByLabel('Description').fill('Half a sentence')
    for (let i = 1; i <= 30; i++) await bob.add(`Meanwhile ${i}`)
    await bob.saved()
    await ann.row('Meanwhile 30').waitFor()
    t.equal(await form.getByLabel('Description').inputValue(), 'Half a sentence')
    await form.getByRole('button', { name: 'Save' }).click()
    await ann.saved()
    await bob.row('Begun just now').getByText('Half a sentence').waitFor()
  })

  await t.test('who is invited declines, joins, leaves, and is taken out', async (t) => {
    const { page } = ann
    await ann.open('/teams')
    await page.getByLabel('Name of a new team').fill('Guests')
    await page.getByRole('button', { name: 'Create team' }).click()
    await page.getByRole('link', { name: 'Members' }).click()
    const path = new URL(page.url()).pathname.replace('/app', '').replace('/members', '')
    const withdraw = page.getByRole('button', { name: 'Withdraw bob@people.test' })
    const member = page.getByLabel('Role of bob@people.test')
    const invite = async () => {
      const known = mail.received.length
      await page.getByLabel('Email').fill('bob@people.test')
      await page.getByRole('button', { name: 'Invite' }).click()
      await withdraw.waitFor()
      await bob.open(`/#invitation=${await mail.token('invitation', 'bob@people.test', known)}`)
    }
    const join = async () => {
      await invite()
      await bob.page.getByRole('button', { name: 'Join' }).click()
      await bob.page.getByRole('heading', { name: 'Guests' }).waitFor()
      await member.waitFor()
    }
    await invite()
    await bob.page.getByRole('button', { name: 'Decline' }).click()
    await bob.page.getByRole('heading', { name: 'Teams' }).waitFor()
    await bob.page.getByText('Travellers').waitFor()
    t.equal(await bob.page.getByText('Guests').count(), 0)
    await page.reload()
    await page.locator("[data-entry='invitation.declined']").waitFor()
    t.equal(await withdraw.count(), 0)

    await join()
    await bob.page.getByRole('link', { name: 'Members' }).click()
    await bob.page.getByRole('button', { name: 'Leave' }).click()
    await bob.page.getByRole('heading', { name: 'Teams' }).waitFor()
    await member.waitFor({ state: 'detached' })

    await join()
    await page.getByRole('button', { name: 'Remove bob@people.test' }).click()
    await bob.page.getByText('You can see that team no more.').first().waitFor()
    await bob.page.getByRole('heading', { name: 'Teams' }).waitFor()
    await bob.open(path)
    await bob.page.getByText('You can see that team no more.').first().waitFor()
    t.pass('nor by its address')
  })

  await t.test('what is shared can be left', async (t) => {
    await ann.open('/mine')
    await ann.page.getByRole('button', { name: 'Share: Plan the long trip' }).click()
    const dialog = ann.page.getByRole('dialog')
    await dialog.getByLabel('Email').fill('bob@people.test')
    await dialog.getByRole('button', { name: 'Share', exact: true }).click()
    await dialog.getByRole('listitem').filter({ hasText: 'bob@people.test' }).waitFor()
    await bob.open('/shared')
    await bob.row('Plan the long trip').waitFor()
    await bob.page.getByRole('button', { name: 'Leave Plan the long trip' }).click()
    await bob.row('Plan the long trip').waitFor({ state: 'detached' })
    await bob.page.getByText('Nothing shared with you').waitFor()
    t.pass('by the one it is shared with')
  })

  await t.test('an account takes its data along', async (t) => {
    await ann.open('/account')
    const downloading = ann.page.waitForEvent('download')
    await ann.page.getByRole('button', { name: 'Download' }).click()
    const file = await downloading
    t.equal(file.suggestedFilename(), 'todos.json')
    const text = await readFile(await file.path(), 'utf8')
    t.doesNotThrow(() => JSON.parse(text) as unknown)
    for (const word of ['ann@people.test', 'Plan the long trip']) t.match(text, word)
    t.notMatch(text, 'password')
  })

  await t.test('an account that is deleted leaves nothing of its own', async (t) => {
    await ann.open('/')
    await ann.add('For everybody')
    await ann.saved()
    const dialog = ann.page.getByRole('dialog')
    const remove = async (given: string) => {
      await ann.open('/account')
      await ann.page.getByRole('button', { name: 'Delete account' }).click()
      await dialog.getByLabel('Password').fill(given)
      await dialog.getByRole('button', { name: 'Delete account' }).click()
    }
    await remove(password)
    await dialog.getByText('last admin of teams with other members: Travellers').waitFor()
    t.equal(await dialog.locator('[aria-invalid]').count(), 0, 'the password is good')
    await ann.open('/teams')
    await ann.page.getByRole('link', { name: 'Travellers' }).click()
    await ann.page.getByRole('link', { name: 'Members' }).click()
    // A team has an admin, always.
    await ann.page.getByLabel('Role of bob@people.test').selectOption({ label: 'Admin' })
    await ann.page.locator("[data-entry='member.promoted']").waitFor()
    await remove('a wrong one')
    await dialog.locator('[aria-invalid]').waitFor()
    await dialog.getByLabel('Password').fill(password)
    await dialog.getByRole('button', { name: 'Delete account' }).click()
    await ann.page.getByText('Your account is deleted.').waitFor()
    await ann.page.getByRole('heading', { name: 'Public list' }).waitFor()
    await ann.row('For everybody').waitFor()
    const kept = await ann.page.evaluate<string>('JSON.stringify({ ...localStorage })')
    t.notMatch(kept, 'ann@people.test')
    t.notMatch(kept, 'Plan the long trip')
    const login = { email: 'ann@people.test', password }
    t.equal((await client.post('/auth/login', login)).status, 401)
    await bob.open('/teams')
    await bob.page.getByRole('link', { name: 'Travellers' }).click()
    await bob.row('Meanwhile 30').waitFor()
    // Far from what is seen no row is drawn.
    await bob.page.evaluate('scrollTo(0, document.body.scrollHeight)')
    await bob.row('Kept by me').waitFor()
    t.pass('the team keeps its todos')
  })
  t.same([...ann.complaints, ...bob.complaints], [])
})

// Names that would be a script, a tag or another direction, in each place where the page shows a name. With
// `npm run test:web` alone.

import t, { type Test } from 'tap'
import { isLong, startPageStack } from './stack.ts'
import { openVisitor, type Visitor } from './visitor.ts'

const hostile = (what: string) =>
  `${what}<img src=x onerror=alert(1)><script>alert(2)</script> ‮"\'&lt;{{7*7}}`
const [team, todo, about] = [hostile('team'), hostile('todo'), hostile('about')]
const emails = { ann: "ann+o'brien&co@names.test", bob: 'bob&{{7*7}}@names.test' } as const

/** The text is there as it is, and is nothing but text. */
const shows = async (t: Test, { page }: Visitor, text: string, where: string) => {
  await page.getByText(text.slice(0, 40)).first().waitFor()
  const body = await page.evaluate<string>('document.body.innerText + document.title')
  t.match(body, text.slice(0, 60), where)
  const made = await page.evaluate<number>(
    `document.querySelectorAll('img, [onerror], body script, iframe').length`,
  )
  t.equal(made, 0, `${where}: no element of it`)
}

void t.test('hostile names', { skip: !isLong }, async (t) => {
  const stack = await startPageStack(t)
  if (!stack) return
  const { mail } = stack
  const [ann, bob] = [await openVisitor(t, stack), await openVisitor(t, stack)]
  for (const [one, email] of [
    [ann, emails.ann],
    [bob, emails.bob],
  ] as const) {
    await one.register(email)
    await one.open(`/verify#token=${await mail.token('verify-email', email)}`)
    await one.page.getByRole('button', { name: 'Confirm' }).click()
    await one.page.getByText('Your address is confirmed.').waitFor()
  }
  const { page } = ann
  await ann.open('/teams')
  await page.getByLabel('Name of a new team').fill(team)
  await page.getByRole('button', { name: 'Create team' }).click()
  await page.getByRole('heading', { name: team }).waitFor()
  await shows(t, ann, team, 'the title of a team')
  t.match(await page.title(), team, 'the title of the window')
  await page.getByRole('link', { name: 'Members' }).click()
  await page.getByLabel('Email').fill(emails.bob)
  await page.getByRole('button', { name: 'Invite' }).click()
  await shows(t, ann, emails.bob, 'who is invited')
  await bob.open('/teams')
  await shows(t, bob, team, 'an invitation')
  await bob.open(`/#invitation=${await mail.token('invitation', emails.bob)}`)
  await shows(t, bob, emails.bob, 'who joins')
  await bob.page.getByRole('button', { name: 'Join' }).click()
  await bob.page.getByRole('heading', { name: team }).waitFor()
  await bob.open('/teams')
  await shows(t, bob, team, 'the teams')
  await page.reload()
  await shows(t, ann, emails.bob, 'a member')
  await page.getByLabel('Name', { exact: true }).fill(`${team}2`)
  await page.getByRole('button', { name: 'Rename' }).click()
  await page.getByRole('heading', { name: `${team}2` }).waitFor()
  await page.reload()
  await page.getByRole('heading', { name: 'Audit log' }).waitFor()
  await shows(t, ann, team, 'the audit log')
  await page.getByRole('button', { name: 'Delete team' }).click()
  await shows(t, ann, team, 'the question before it is deleted')
  await page.keyboard.press('Escape')

  await page.getByRole('link', { name: 'Todos', exact: true }).last().click()
  await bob.open(new URL(page.url()).pathname.replace('/app', ''))
  await page.locator('[data-present="2"]').waitFor()
  t.equal(await page.getByTitle(emails.bob).count(), 1, 'who is present')
  await ann.add(todo)
  await ann.saved()
  await shows(t, bob, todo, 'a todo')
  await shows(t, bob, `changed by ${emails.ann}`, 'who changed it')
  await bob.page.getByLabel('What is to be done?').pressSequentially('abc')
  await shows(t, ann, `${emails.bob} is typing…`, 'who types')
  await page.getByRole('button', { name: `Edit: ${todo}` }).click()
  await page.getByLabel('Description').fill(about)
  await page.getByLabel('Assigned to').selectOption({ label: emails.bob })
  await page.getByRole('button', { name: 'Save' }).click()
  await ann.saved()
  await shows(t, bob, about, 'a description')
  await shows(t, ann, emails.bob, 'to whom it is assigned')
  await page.getByRole('button', { name: `Edit: ${todo}` }).click()
  await bob.page.getByRole('button', { name: `Edit: ${todo}` }).click()
  await bob.page.getByLabel('Title').fill(`${todo} theirs`)
  await bob.page.keyboard.press('Enter')
  await bob.saved()
  await page.getByLabel('Title').fill(`${todo} mine`)
  await page.keyboard.press('Enter')
  await page.locator('[data-conflict]').waitFor()
  await shows(t, ann, todo, 'a conflict')
  await page.getByRole('button', { name: 'Keep theirs' }).click()
  await page.getByRole('button', { name: `Delete: ${todo} theirs` }).click()
  await page.getByText('Deleted “').waitFor()
  await shows(t, ann, todo.slice(0, 30), 'a notice')

  await ann.open('/mine')
  await ann.add(todo)
  await ann.saved()
  await page.getByRole('button', { name: `Share: ${todo}` }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Email').fill(emails.bob)
  await dialog.getByRole('button', { name: 'Share', exact: true }).click()
  await dialog.getByRole('listitem').getByText(emails.bob).waitFor()
  await dialog.getByLabel('With', { exact: true }).selectOption({ label: `${team}2` })
  await dialog.getByRole('button', { name: 'Share', exact: true }).click()
  await dialog.getByRole('listitem').getByText(`${team}2`).waitFor()
  await shows(t, ann, todo, 'what is shared, and with whom')
  await bob.open('/shared')
  await shows(t, bob, todo, 'what others share')
  await shows(t, bob, `from ${emails.ann}`, 'who shares it')
  await ann.open('/account')
  await shows(t, ann, emails.ann, 'an account')
  await ann.open('/%3Cimg%20src=x%20onerror=alert(1)%3E')
  await ann.page.getByRole('heading', { name: 'There is nothing here' }).waitFor()
  t.same([...ann.complaints, ...bob.complaints], [], 'no script ran')
})

// What the page goes through with a bad network, a server that is replaced under it, and ten thousand todos. With
// `npm run test:web` alone: STACK=real is for the other stack, HTTP_ENGINE for the other engine.

import t from 'tap'
import { password } from '../auth-client.ts'
import { eventually } from '../eventually.ts'
import { startServer } from '../../scripts/stack/processes.ts'
import { freePort } from '../../scripts/stack/ports.ts'
import { isLong, isReal, startPageStack } from './stack.ts'
import { openVisitor } from './visitor.ts'

const todosMax = Number(process.env['TODOS'] ?? 10_000)
/** Whatever the list's length: so many elements of the page, and so much memory of its scripts. */
const elementsMax = 6_000
const heapBytesMax = 80 * 1024 * 1024
const atOnce = 40
/** More than two pages of the page. */
const ownTodos = 220
/** As long as a server is away. */
const editsWhileAway = 5

if (!isLong) t.comment('npm run test:web runs these')

void t.test('the page in bad times', { skip: !isLong }, async (t) => {
  const port = await freePort()
  const stack = await startPageStack(t, { HTTP_PORT: String(port), AUTH_ACCESS_TTL_SEC: '30' })
  if (!stack) return
  const { client, env, redis } = stack
  let { server } = stack
  t.teardown(() => server.stop())
  const ann = await openVisitor(t, stack)
  await ann.register('ann@long.test')
  const login = { email: 'ann@long.test', password }
  const tokenOf = async () => (await client.post('/auth/login', login)).member('access_token')
  const titles = async () => {
    const { text } = await client.get('/api/todos?limit=100', `Bearer ${await tokenOf()}`)
    return (JSON.parse(text) as { todos: { title: string }[] }).todos.map(({ title }) => title)
  }

  await t.test('a server that is replaced loses no edit, and none is there twice', async (t) => {
    const expected: string[] = []
    for (let round = 1; round <= 3; round++) {
      const stopping = server.stop()
      for (let i = 1; i <= editsWhileAway; i++) {
        const title = `round ${round}, edit ${i}`
        await ann.add(title)
        expected.push(title)
        if (i === 3) await stopping
      }
      server = await startServer(env)
      await ann.saved()
    }
    t.same((await titles()).sort(), expected.sort())
    await ann.page.locator('[data-connection=live]').first().waitFor()
  })

  await t.test('a Redis that is killed loses no edit', { skip: !isReal }, async (t) => {
    const before = await titles()
    const bob = await openVisitor(t, stack)
    await bob.register('bob@long.test')
    await ann.open('/')
    await bob.open('/')
    const expected: string[] = []
    for (let round = 1; round <= 3; round++) {
      await redis?.takeAway()
      for (let i = 1; i <= editsWhileAway; i++) {
        const title = `killed ${round}, edit ${i}`
        await ann.add(title)
        expected.push(title)
        if (i === 3) await redis?.giveBack()
      }
      await ann.saved()
      const newest = ann.page.getByRole('checkbox', { name: `Done: killed ${round}, edit 1` })
      await newest.check()
      await bob.row(`killed ${round}, edit ${editsWhileAway}`).waitFor()
      await bob.row(`killed ${round}, edit 1`).locator('.line-through').waitFor()
    }
    await ann.saved()
    const { text } = await client.get('/todos?limit=100')
    const there = (JSON.parse(text) as { title: string }[]).map(({ title }) => title)
    t.same(there.filter((title) => title.startsWith('killed')).sort(), expected.sort())
    t.same(await titles(), before, 'a personal list is as it was')
    await bob.page.locator('[data-connection=live]').first().waitFor()
    t.same(bob.complaints, [])
    await ann.open('/mine')
  })

  await t.test('a network that is cut in the middle of a write loses none', async (t) => {
    const before = await titles()
    const cdp = await ann.context.newCDPSession(ann.page)
    await cdp.send('Network.enable')
    const network = (offline: boolean) =>
      cdp.send('Network.emulateNetworkConditions', {
        offline,
        latency: offline ? 0 : 200,
        downloadThroughput: -1,
        uploadThroughput: -1,
      })
    await network(false)
    const expected = []
    for (let i = 1; i <= 8; i++) {
      const title = `cut ${i}`
      expected.push(title)
      await ann.add(title)
      await network(i % 2 === 1)
    }
    await ann.page.reload()
    await network(false)
    await ann.saved()
    t.same((await titles()).sort(), [...before, ...expected].sort())
  })

  await t.test('an answer that is lost leaves one todo, also after a reload', async (t) => {
    const written = '**/v1/api/todos'
    await ann.context.route(written, async (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      // The page may have been loaded anew by then.
      await route.fetch().catch(() => {})
      return route.abort().catch(() => {})
    })
    await ann.add('Answered to nobody')
    await eventually(titles, (all) => all.includes('Answered to nobody'))
    await ann.page.reload()
    await ann.row('Answered to nobody').locator('[data-pending]').waitFor()
    await ann.row('cut 1').waitFor()
    t.equal(await ann.row('Answered to nobody').count(), 1)
    await ann.context.unroute(written)
    await ann.saved()
    t.equal(await ann.row('Answered to nobody').count(), 1)
    t.same(
      (await titles()).filter((title) => title === 'Answered to nobody'),
      ['Answered to nobody'],
    )
  })

  await t.test('a token that expires is renewed without a word', async (t) => {
    await ann.open('/mine')
    await ann.page.waitForTimeout(35_000)
    await ann.add('Half a minute later')
    await ann.saved()
    t.ok((await titles()).includes('Half a minute later'))
    t.equal(await ann.page.getByText('You are logged out.').count(), 0)
  })

  await t.test('one’s own list is read to its end', async (t) => {
    const token = await tokenOf()
    const make = async (title: string) =>
      (await client.send('POST', '/api/todos', token, { title })).status
    for (let made = 0; made < ownTodos; made += 20) {
      const statuses = Array.from({ length: 20 }, (_, i) => make(`own ${made + i}`))
      t.same(new Set(await Promise.all(statuses)), new Set([201]))
    }
    await ann.open('/mine')
    const eldest = ann.row('round 1, edit 1')
    await eventually(
      async () => {
        await ann.page.evaluate('scrollTo(0, document.body.scrollHeight)')
        return eldest.count()
      },
      (count) => count === 1,
    )
    const size = await ann.page.locator('[role=listitem]').last().getAttribute('aria-setsize')
    t.ok(Number(size) > ownTodos, `${size} todos`)
  })

  await t.test(`${todosMax} todos are scrolled`, async (t) => {
    const { text } = await client.send('POST', '/api/teams', await tokenOf(), { name: 'Long' })
    const { id } = JSON.parse(text) as { id: string }
    let made = 0
    let token = { text: tokenOf(), untilMs: Date.now() + 15_000 }
    const make = async (): Promise<void> => {
      for (let i = ++made; i <= todosMax; i = ++made) {
        if (token.untilMs < Date.now()) token = { text: tokenOf(), untilMs: Date.now() + 15_000 }
        const answer = await fetch(`${stack.url}/api/teams/${id}/todos`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${await token.text}`,
            'content-type': 'application/json',
            prefer: 'respond-async',
          },
          body: JSON.stringify({ title: `number ${i}` }),
        })
        if (answer.status !== 202) throw new Error(await answer.text())
      }
    }
    await Promise.all(Array.from({ length: atOnce }, make))
    await ann.open(`/teams/${id}`)
    let elements = 0
    let known = 0
    const startedMs = performance.now()
    /** How many rows there are above the last that is drawn, and itself. */
    const look = async () => {
      await ann.page.evaluate('scrollTo(0, document.body.scrollHeight)')
      const [drawn = 0, last = 0] = await ann.page.evaluate<number[]>(
        `[document.querySelectorAll('*').length,
          Number([...document.querySelectorAll('[role=listitem]')].at(-1)?.getAttribute('aria-posinset'))]`,
      )
      elements = Math.max(elements, drawn)
      return last
    }
    // A machine may be slow; that it goes no further is the fault.
    while (known < todosMax) known = await eventually(look, (last) => last > known)
    await ann
      .row('number 1')
      .filter({ hasText: /number 1(?!\d)/ })
      .waitFor()
    t.equal(known, todosMax)
    await ann.page.requestGC()
    const heap = await ann.page.evaluate<number>('performance.memory.usedJSHeapSize')
    t.comment(
      `${todosMax} todos in ${Math.round(performance.now() - startedMs)} ms, ${elements} elements at most, ${(heap / 2 ** 20).toFixed(1)} MiB of heap`,
    )
    t.ok(elements < elementsMax, `${elements} elements`)
    t.ok(heap < heapBytesMax, `${heap} bytes`)
  })
  t.same(ann.complaints, [], 'the browser did not complain')
})

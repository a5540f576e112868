// The page for everybody: each view in each language and theme, from 320 px to 4 k, in the user's zone, and still
// for whoever asks for less motion. With `npm run test:web` alone.

import t from 'tap'
import type { Page } from 'playwright-core'
import { repository } from '../../scripts/paths.ts'
import { checkView } from './axe.ts'
import { sameTexts, type Texts } from './same-texts.ts'
import { isLong, startPageStack } from './stack.ts'
import { openVisitor, type Visitor } from './visitor.ts'

const sizes = [
  { width: 320, height: 640 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
  { width: 3840, height: 2160 },
] as const
const languages = { en: 'en-GB', de: 'de-DE' } as const
/** It is checked as a part of the page, where there is a document. */
const textsOf = async (language: string) => {
  const { href } = new URL(`web/src/texts/${language}.ts`, repository)
  return ((await import(href)) as Record<string, Texts>)[language] ?? {}
}
/** Words that German has taken: web/src/texts/texts.test.ts says which may be. */
const sameInBoth = new Set(sameTexts(await textsOf('en'), await textsOf('de')).values())
/** Whatever the width, half of an hour's difference in the zone shows. */
const zone = { id: 'Asia/Kathmandu', offsetMinutes: 345 } as const

/** What a view says, in texts and for screen readers, but for what people wrote, and names that nobody translates. */
const said = `[...new Set([
  ...[...document.querySelectorAll('body *')]
    .filter((one) => !one.closest('[data-todo], script, noscript, style, code, time, [translate=no]'))
    .flatMap((one) => [
      ...[...one.childNodes].filter(({ nodeType }) => nodeType === 3).map((text) => text.data),
      one.getAttribute('aria-label'), one.getAttribute('placeholder'),
    ]),
  document.title.replace(/ · Todos$/, '').replace(/[\\u2068\\u2069]/g, ''),
].map((text) => (text ?? '').trim()).filter((text) => /\\p{L}/u.test(text)))]`

/** Texts that do not fit into the place that they have, and are cut off there. */
const cut = `[...document.querySelectorAll('main *, header *, dialog *')]
  .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0)
  .filter((one) => getComputedStyle(one).overflowX !== 'visible' && !one.closest('.sr-only'))
  .filter((one) => !/auto|scroll/.test(getComputedStyle(one).overflowX) && !one.matches('input, .truncate'))
  .map((one) => one.outerHTML.slice(0, 120))`
/** Of what is to be pressed, the smallest (WCAG 2.2 AA, 2.5.8). */
const tooSmall = `[...document.querySelectorAll('button, select, input, nav a')]
  .map((one) => [one.closest('label') ?? one, one])
  .filter(([place]) => {
    const { width, height } = place.getBoundingClientRect()
    return width > 0 && (width < 24 || height < 24)
  })
  .filter(([place, one]) => !place.closest('.sr-only') && getComputedStyle(one).display !== 'inline')
  .map(([place]) => place.outerHTML.slice(0, 120))`

const settled = async (page: Page) => {
  await page.waitForLoadState('networkidle')
  await page.locator('h1').waitFor()
}

void t.test('for everybody', { skip: !isLong }, async (t) => {
  const stack = await startPageStack(t)
  if (!stack) return
  const email = 'ann@everybody.test'
  const teamName = 'Flower shop of the long and winding road'
  const open = (locale: string, options = {}) => openVisitor(t, stack, { locale, ...options })
  const ann = await open(languages.en)
  await ann.register(email)
  const long = 'A title of a length that people do write when they are in a hurry and think aloud'
  await ann.add(`${long} ${'withoutanyspace'.repeat(6)}`)
  await ann.add('Short')
  await ann.saved()
  await ann.open('/')
  await ann.add('Seen by all')
  await ann.saved()
  await ann.open('/teams')
  await ann.page.getByLabel('Name of a new team').fill(teamName)
  await ann.page.getByRole('button', { name: 'Create team' }).click()
  await ann.page.getByRole('link', { name: 'Members' }).waitFor()
  const team = new URL(ann.page.url()).pathname.replace('/app', '')
  await ann.page.getByLabel('What is to be done?').fill('Water the orchids')
  await ann.page.keyboard.press('Enter')
  await ann.saved()
  const ofUser = ['/', '/mine', '/shared', '/teams', team, `${team}/members`, '/status']
  const ofAnyone = ['/login', '/register', '/forgot', '/nowhere']
  const byMail = ['/verify#token=x', '/reset#token=x', '/#invitation=x']
  const views = [...ofUser, '/account', '/admin', ...ofAnyone, ...byMail]

  const looked: Record<string, Record<string, readonly string[]>> = {}
  for (const [language, locale] of Object.entries(languages)) {
    await t.test(`each view in ${language}, at each width`, async (t) => {
      const one: Visitor = await open(locale)
      const { page } = one
      await one.page.addInitScript(`localStorage.setItem('todos.language', 'en')`)
      await one.logIn(email)
      await one.page.addInitScript(`localStorage.setItem('todos.language', '${language}')`)
      t.teardown(() => one.context.close())
      looked[language] = {}
      for (const view of views) {
        await one.open(view)
        await settled(page)
        looked[language][view] = await page.evaluate<string[]>(said)
        for (const size of sizes) {
          await page.setViewportSize(size)
          const wide = await page.evaluate<number>(
            'document.documentElement.scrollWidth - innerWidth',
          )
          t.ok(wide <= 0, `${view} fits into ${size.width} px`)
          t.same(await page.evaluate(cut), [], `${view}, ${size.width} px: nothing is cut off`)
          t.same(await page.evaluate(tooSmall), [], `${view}, ${size.width} px: large enough`)
        }
        if (language !== 'en') await checkView(t, page, `${view} in ${language}`)
      }
      t.equal(await page.locator('html').getAttribute('lang'), language)
      t.same(one.complaints, [])
    })
  }

  await t.test('no text is missing in the other language', async (t) => {
    const written = new Set([email, teamName])
    for (const view of views) {
      const english = new Set(looked['en']?.[view])
      const german = looked['de']?.[view] ?? []
      t.ok(german.length > 3, `${view} says something`)
      const both = german.filter((text) => english.has(text) && !written.has(text))
      t.same(
        both.filter((text) => !sameInBoth.has(text)),
        [],
        `${view}: all is in German`,
      )
      t.notMatch(german.join('\n'), /undefined|\[object/, view)
    }
  })

  await t.test('letters are as large on 4 k as they look on a laptop', async (t) => {
    await ann.open('/mine')
    await ann.page.setViewportSize(sizes[3])
    const px = await ann.page.evaluate<number>(
      'parseFloat(getComputedStyle(document.body).fontSize)',
    )
    t.ok(px >= 24, `${px} px`)
    await ann.page.setViewportSize(sizes[2])
  })

  await t.test('times are in the zone of the user', async (t) => {
    const far = await open(languages.en, { timezoneId: zone.id })
    t.teardown(() => far.context.close())
    await far.logIn(email)
    const time = far.row('Short').locator('time')
    await time.waitFor()
    const at = new Date((await time.getAttribute('datetime')) ?? '')
    const there = new Date(at.getTime() + zone.offsetMinutes * 60_000).toISOString()
    const text = (await time.getAttribute('title')) ?? ''
    t.match(text, there.slice(11, 16), 'hours and minutes of Kathmandu, as the British write them')
    t.match(text, new RegExp(`^${Number(there.slice(8, 10))} `), 'the day first')
  })

  await t.test('what others add slides in, but for whoever asks for less motion', async (t) => {
    const bob = await open(languages.en)
    const still = await open(languages.en, { reducedMotion: 'reduce' })
    const moved = await open(languages.en, { reducedMotion: 'no-preference' })
    await bob.register('bob@everybody.test')
    for (const one of [bob, still, moved]) {
      await one.open('/')
      await one.page.locator('[data-connection=live]').first().waitFor()
    }
    await bob.add('Slides in')
    const animationOf = async (one: Visitor) => {
      const row = one.row('Slides in')
      await row.waitFor()
      const newest = `getComputedStyle(document.querySelector('[data-todo]')).animationName`
      return one.page.evaluate<string>(newest)
    }
    t.equal(await animationOf(moved), 'arrive')
    t.equal(await animationOf(still), 'none')
    t.equal(await animationOf(bob), 'none', 'one does not surprise oneself')
    await still.page.getByText('1 todo changed by others').waitFor({ state: 'attached' })
    t.same([...bob.complaints, ...still.complaints, ...moved.complaints], [])
  })
  t.same(ann.complaints, [])
})

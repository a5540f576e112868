// Somebody with a browser of their own: what they do on the page, in the words of the page.

import type { BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { Test } from 'tap'
import { password } from '../auth-client.ts'
import type { PageStack } from './stack.ts'

export type Visitor = {
  readonly page: Page
  readonly context: BrowserContext
  /** What the browser complained of: of scripts, of the policy of the page, of what was not there. */
  readonly complaints: readonly string[]
  open(path: string): Promise<void>
  register(email: string): Promise<void>
  logIn(email: string): Promise<void>
  add(title: string): Promise<void>
  row(title: string): Locator
  /** Nothing is on its way any more. */
  saved(): Promise<void>
}

/** What a flow waits for takes less than this on two busy cores. */
const timeoutMs = 30_000
/** What a test takes from the page, and a server that is stopped under it, are complaints of the browser too. */
const expected = /Failed to load resource|ERR_INTERNET_DISCONNECTED|WebSocket connection/

export const openVisitor = async (
  t: Test,
  { browser, url }: Pick<PageStack, 'browser' | 'url'>,
  options: BrowserContextOptions = {},
): Promise<Visitor> => {
  const context = await browser.newContext({
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    reducedMotion: 'reduce',
    ...options,
  })
  t.teardown(() => context.close())
  context.setDefaultTimeout(timeoutMs)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected.test(message.text()))
      complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('dialog', (dialog) => {
    complaints.push(`a script ran: ${dialog.message()}`)
    void dialog.dismiss()
  })
  const enter = async (email: string, action: string) => {
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: action }).click()
    await page.getByRole('heading', { name: 'My todos' }).waitFor()
  }
  const open = async (path: string) => {
    await page.goto(`${url}/app${path}`)
    await page.locator('h1').waitFor()
  }
  const row = (title: string) => page.locator('[data-todo]').filter({ hasText: title })
  return {
    page,
    context,
    complaints,
    open,
    row,
    async register(email) {
      await open('/register')
      await enter(email, 'Register')
    },
    async logIn(email) {
      await open('/login')
      await enter(email, 'Log in')
    },
    async add(title) {
      await page.getByLabel('What is to be done?').fill(title)
      await page.keyboard.press('Enter')
      await row(title).waitFor()
    },
    async saved() {
      await page.locator('[data-pending]').first().waitFor({ state: 'detached' })
      await page.locator('[data-waiting]').first().waitFor({ state: 'detached' })
    },
  }
}

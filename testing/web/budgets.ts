// What a first visit costs: bytes, paint, blocking and layout shift, as the browser itself measures them. They are
// printed; only bytes are held to a bound, since they are the same on every machine.

import type { Browser } from 'playwright-core'
import type { Test } from 'tap'

/** Compressed, all that a first visit loads before it shows the list. */
const firstLoadBytesMax = 60_000

export type Budgets = {
  readonly bytes: number
  readonly firstPaintMs: number
  readonly blockingMs: number
  readonly layoutShift: number
}

const observe = `
  window.measured = { shift: 0, blocking: 0 }
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) measured.shift += one.value
  }).observe({ type: 'layout-shift', buffered: true })
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) measured.blocking += Math.max(0, one.duration - 50)
  }).observe({ type: 'longtask', buffered: true })
`

export const checkBudgets = async (t: Test, browser: Browser, url: string): Promise<void> => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.addInitScript(observe)
  await page.goto(`${url}/app`)
  await page.locator('[data-todo]').first().waitFor()
  const budgets = await page.evaluate<Budgets>(`({
    bytes: performance.getEntries()
      .filter(({ entryType, name }) => /navigation|resource/.test(entryType) && !name.includes('/todos'))
      .reduce((sum, one) => sum + (one.encodedBodySize ?? 0), 0),
    firstPaintMs: Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0),
    blockingMs: Math.round(measured.blocking),
    layoutShift: Math.round(measured.shift * 1000) / 1000,
  })`)
  await context.close()
  t.comment(`first visit: ${JSON.stringify(budgets)}`)
  t.ok(budgets.bytes > 1_000 && budgets.bytes < firstLoadBytesMax, `${budgets.bytes} bytes`)
}

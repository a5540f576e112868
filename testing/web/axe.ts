// Whether a view can be used by everybody, as far as a program can tell: axe-core's rules of WCAG 2.2 AA, in both
// themes, and no scrolling sideways at 320 px.

import { readFileSync } from 'node:fs'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { repository } from '../../scripts/paths.ts'

const axe = readFileSync(new URL('node_modules/axe-core/axe.min.js', repository), 'utf8')
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
/** Between themes only colours differ. */
const schemes = {
  light: { type: 'tag', values: tags },
  dark: { type: 'rule', values: ['color-contrast'] },
} as const
const sizes = { wide: { width: 1280, height: 800 }, phone: { width: 320, height: 640 } } as const

export const checkView = async (t: Test, page: Page, name: string): Promise<void> => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    const faults = await faultsOf(page, schemes[colorScheme])
    t.same(faults, [], `${name}, ${colorScheme}: usable by everybody`)
  }
  await page.setViewportSize(sizes.phone)
  const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
  t.ok(overflow <= 0, `${name}: fits into 320 px`)
  await page.setViewportSize(sizes.wide)
}

/** The policy of the page allows no script from elsewhere: it is evaluated by the debugger. */
const faultsOf = async (page: Page, runOnly: object): Promise<string[]> => {
  if (!(await page.evaluate<boolean>(`'axe' in window`))) await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>(
    `axe.run(document, { runOnly: ${JSON.stringify(runOnly)}, resultTypes: ['violations'] })`,
  )
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((one) => one.html.slice(0, 120)).join(' | ')}`,
  )
}

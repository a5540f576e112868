// A picture of each view as everybody has it: light and dark, wide and on a phone. To be looked at by whoever
// changes the page; nothing compares them.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'

const sizes = {
  wide: { width: 1120, height: 760 },
  phone: { width: 360, height: 720 },
} as const

export type Pictures = (page: Page, name: string) => Promise<void>

export const createPictures = async (directory: string): Promise<Pictures> => {
  await mkdir(directory, { recursive: true })
  return async (page, name) => {
    const size = page.viewportSize() ?? sizes.wide
    const isDark = await page.evaluate<boolean>(
      `matchMedia('(prefers-color-scheme: dark)').matches`,
    )
    // What is over the page is where it is seen, and not in the middle of its length.
    const fullPage = (await page.locator('dialog[open]').count()) === 0
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      for (const [width, wanted] of Object.entries(sizes)) {
        await page.setViewportSize(wanted)
        const path = join(directory, `${name}-${colorScheme}-${width}.png`)
        await page.screenshot({ path, fullPage })
      }
    }
    await page.emulateMedia({ colorScheme: isDark ? 'dark' : 'light' })
    await page.setViewportSize(size)
  }
}

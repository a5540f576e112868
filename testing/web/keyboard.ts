// Somebody who has keys and no mouse. Each place they come to must be seen: it has a ring, and nothing is over it.

import type { Page } from 'playwright-core'

export type Keyboard = {
  /** Tab, or Shift+Tab, until this is where the keys go. */
  to(name: string | RegExp, isBack?: boolean): Promise<void>
  /** To it, and Enter. */
  follow(name: string | RegExp): Promise<void>
  /** To it, and what is typed there. */
  fill(name: string, text: string): Promise<void>
  press(key: string): Promise<void>
  type(text: string): Promise<void>
  /** What the keys go to now. */
  focused(): Promise<string>
  /** Where the focus was not to be seen. */
  readonly hidden: readonly string[]
}

const tabsMax = 80

type Place = { readonly name: string; readonly isSeen: boolean }
const look = `(() => {
  const one = document.activeElement
  const label = one.labels?.[0] ?? one.closest('label')
  const name = (one.getAttribute('aria-label') ?? label?.textContent ?? one.textContent ?? '').trim()
  const { left, top, width, height } = one.getBoundingClientRect()
  const over = document.elementFromPoint(left + width / 2, top + height / 2)
  const isRinged = (element) => element && getComputedStyle(element).outlineStyle !== 'none'
  const isNear = over && (one.contains(over) || over.contains(one) || over === label)
  const isSeen = one === document.body || (isNear && (isRinged(one) || isRinged(one.closest('form'))))
  return { name: name.replace(/\\s+/g, ' '), isSeen: Boolean(isSeen) }
})()`

export const keyboardOf = ({ page }: { readonly page: Page }): Keyboard => {
  const hidden: string[] = []
  const place = () => page.evaluate<Place>(look)
  const to: Keyboard['to'] = async (name, isBack = false) => {
    const met: string[] = []
    for (let i = 0; i < tabsMax; i++) {
      await page.keyboard.press(isBack ? 'Shift+Tab' : 'Tab')
      const { name: now, isSeen } = await place()
      if (!isSeen) hidden.push(now)
      if (typeof name === 'string' ? now === name : name.test(now)) return
      met.push(now)
    }
    throw new Error(`no key leads to ${String(name)}, but to ${met.join(', ')}`)
  }
  return {
    hidden,
    to,
    async follow(name) {
      await to(name)
      await page.keyboard.press('Enter')
    },
    async fill(name, text) {
      await to(name)
      await page.keyboard.type(text)
    },
    press: (key) => page.keyboard.press(key),
    type: (text) => page.keyboard.type(text),
    focused: async () => (await place()).name,
  }
}

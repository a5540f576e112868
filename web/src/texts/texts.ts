// The texts of the language that the user has chosen, or that the browser asks for. They are there before the
// page is drawn; another language loads the page anew.

import { en } from './en.ts'

export type Texts = typeof en

export const languages = { en: 'English', de: 'Deutsch' } as const
export type Language = keyof typeof languages

const languageKey = 'todos.language'

export let texts: Texts = en
export let language: Language = 'en'

export const loadTexts = async (): Promise<void> => {
  const wanted = [localStorage.getItem(languageKey) ?? '', ...navigator.languages]
  const found = wanted.map((tag) => tag.slice(0, 2)).find((tag) => Object.hasOwn(languages, tag))
  if (found === 'de') {
    texts = (await import('./de.ts')).de
    language = 'de'
  }
  document.documentElement.lang = language
}

export const chooseLanguage = (next: string) => {
  localStorage.setItem(languageKey, next)
  location.reload()
}

/** In the user's zone, and as their language writes it. */
export const timeText = (at: string | number): string =>
  new Date(at).toLocaleString(locale(), { dateStyle: 'medium', timeStyle: 'short' })

/** British and Americans read the same texts, and other times. */
const locale = (): string => navigator.languages.find((tag) => tag.startsWith(language)) ?? language

const steps = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const

export const agoText = (atMs: number, nowMs: number): string => {
  const seconds = (nowMs - atMs) / 1_000
  const [unit, length] = steps.find(([, length]) => seconds >= length) ?? ['second', 1]
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto', style: 'short' })
  return format.format(unit === 'second' ? 0 : -Math.floor(seconds / length), unit)
}

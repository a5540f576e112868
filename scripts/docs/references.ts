// Names of settings and metrics in printed text become links to where they are explained.

import { settings } from '../../lib/runtime/config/config.ts'
import { anchorOf, code, linkTo, prose } from './markdown.ts'
import { metricGroups } from './metric-groups.ts'

export type Place = {
  /** The page on which the text stands. */
  readonly page: string
  /** What the text itself is about: not a link. */
  readonly except?: string
}

const metrics = new Set(metricGroups.flatMap(({ metrics }) => metrics.map(({ name }) => name)))

const pageOf = (name: string): string | undefined =>
  Object.hasOwn(settings, name) ? 'settings.md' : metrics.has(name) ? 'metrics.md' : undefined

const identifier = /`[^`]*`|[A-Za-z]+(?:_[A-Za-z0-9]+)+/g

/** Text in which backticks mark code, as Markdown; other names with an underscore are code too. */
export const withLinks = (text: string, { page, except }: Place): string => {
  let from = 0
  let made = ''
  for (const { 0: found, index } of text.matchAll(identifier)) {
    const name = found.replaceAll('`', '')
    const target = pageOf(name)
    const isLink = target !== undefined && name !== except
    made += prose(text.slice(from, index))
    made += isLink
      ? linkTo(name, target === page ? '' : target, code(name))
      : found.startsWith('`')
        ? found
        : code(found)
    from = index + found.length
  }
  return made + prose(text.slice(from))
}

/** To a setting, from a page that stands beside the settings'. */
export const settingLink = (name: keyof typeof settings): string =>
  `[${code(name)}](settings.md#${anchorOf(name)})`

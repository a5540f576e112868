// docs/reference/limits.md: every bound that a client or an operator meets.

import { settings } from '../../lib/runtime/config/config.ts'
import type { LimitName } from '../../server/http/contract/endpoint.ts'
import { boundGroups, type BoundGroup } from './bounds.ts'
import { endpoints } from './endpoints.ts'
import { limitTexts } from './limit-settings.ts'
import { bullets, code, linkTo, printedPage } from './markdown.ts'
import { settingLink, withLinks } from './references.ts'

const prose = (text: string): string => withLinks(text, { page: 'limits.md' })

export const limitsPage = (): string =>
  printedPage(
    'Limits',
    'For whoever calls or runs the system: how much of everything is allowed, and what happens past it.',
    [
      bullets(
        ['Rate limits', ...boundGroups.map(({ title }) => title), 'Bounds that settings move'].map(
          (title) => linkTo(title),
        ),
      ),
      rateLimits(),
      ...boundGroups.map(group),
      bySetting(),
    ],
  )

const group = ({ title, bounds }: BoundGroup): string =>
  `## ${title}\n\n${bullets(
    bounds.map(({ name, value, beyond }) => `${prose(name)}: **${value}**. ${prose(beyond)}`),
  )}`

const rateLimits = (): string =>
  [
    '## Rate limits',
    'A limit that is exceeded is a 429 with `Retry-After`. `RateLimit-Policy` names the limit, and `RateLimit` says what remains. The numbers are defaults.',
    ...(Object.keys(limitTexts) as LimitName[]).map(rateLimit),
  ].join('\n\n')

const rateLimit = (name: LimitName): string => {
  const { counts, how, requests, seconds } = limitTexts[name]
  const [many, sec] = [settings[requests].default, settings[seconds].default]
  const amount =
    many === 0
      ? 'off'
      : how === 'token bucket'
        ? `${many} requests at once, and ${Number(many) / Number(sec)} a second`
        : `${many} requests in any ${sec} s`
  return [
    `### ${name}`,
    bullets([
      `Default: **${amount}**, ${counts} (${how})`,
      `Settings: ${settingLink(requests)}, ${settingLink(seconds)}`,
      `Counts: ${countedBy(name).join(', ')}`,
    ]),
  ].join('\n\n')
}

const countedBy = (name: LimitName): string[] =>
  endpoints.flatMap(({ method, path, limit, limitedWith, limitWithout }) => {
    const request = code(`${method} ${path}`)
    const own = limitedWith === undefined ? request : `${request} with ${code(limitedWith)}`
    return [
      ...(limit === name ? [own] : []),
      ...(limitWithout === name ? [`${request} without ${code(limitedWith ?? '')}`] : []),
    ]
  })

/** Queues, pools, sizes and times; rate limits stand above. */
const isBound = /_MAX(_|$)|_POOL_SIZE$|_TIMEOUT_MS$|_STALE_|_BACKLOG$|_PARTITIONS$/

const bySetting = (): string =>
  [
    '## Bounds that settings move',
    'Each with its default.',
    bullets(
      Object.entries(settings)
        .filter(([name]) => isBound.test(name))
        .map(([name, setting]) => {
          const value =
            name === 'REDIS_POOL_SIZE' ? 'one per core' : `${setting.default} ${setting.unit}`
          return `${settingLink(name as keyof typeof settings)}: **${value}**`
        }),
    ),
  ].join('\n\n')

// A page of the audit log, as each endpoint that shows one answers it.

import {
  auditListShape,
  exampleEntry,
  shownEntry,
  type AuditEntry,
} from '../../lib/domain/audit.ts'
import type { Position } from '../../lib/domain/page.ts'
import { InvalidField } from '../../lib/domain/shape.ts'
import { answer } from './contract/answer.ts'
import { cursorOf, nextLink } from './cursor.ts'
import type { Reply } from './engines/engine.ts'
import { pageQuery } from './paging.ts'
import { linkToNext, noStore } from './response-headers.ts'

export const auditPage = answer({
  status: 200,
  component: 'AuditList',
  description: 'Entries, the newest first. `Link` says where the list goes on.',
  headers: [noStore, linkToNext],
  body: auditListShape,
  examples: [{ entries: [exampleEntry] }],
})

/** An entry's place in the list is its id, which is a number. `route`: the endpoint's path. */
export const auditQuery = (route: string) => {
  const { limit, after } = pageQuery(route)
  const parse = (value: unknown, field: string): Position | undefined => {
    const place = after.shape.parse(value, field)
    if (place === undefined || /^\d{1,18}$/.test(place.id)) return place
    throw new InvalidField(field, `${field} must be one cursor from a Link of ${route}`)
  }
  const example = cursorOf(route, { createdAt: exampleEntry.at, id: exampleEntry.id })
  return { limit, after: { ...after, example, shape: { ...after.shape, parse } } }
}

export const auditReply = (
  { entries, hasMore }: { readonly entries: readonly AuditEntry[]; readonly hasMore: boolean },
  place: { readonly route: string; readonly path: string; readonly limit: number },
): Reply => {
  const last = entries.at(-1)
  const next = hasMore && last ? { createdAt: last.at, id: last.id } : undefined
  return auditPage.reply(
    { entries: entries.map(shownEntry) },
    nextLink(place.path, place.limit, next, place.route),
  )
}

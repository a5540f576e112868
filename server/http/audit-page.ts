// A page of the audit log, as each endpoint that shows one answers it.

import {
  auditListShape,
  exampleEntry,
  shownEntry,
  type AuditEntry,
} from '../../lib/domain/audit.ts'
import { answer } from './contract/answer.ts'
import { nextLink } from './cursor.ts'
import type { Reply } from './engines/engine.ts'
import { numberedPageQuery } from './paging.ts'
import { linkToNext, noStore } from './response-headers.ts'

export const auditPage = answer({
  status: 200,
  component: 'AuditList',
  description: 'Entries, the newest first. `Link` says where the list goes on.',
  headers: [noStore, linkToNext],
  body: auditListShape,
  examples: [{ entries: [exampleEntry] }],
})

/** `route`: the endpoint's path. */
export const auditQuery = (route: string) =>
  numberedPageQuery(route, { createdAt: exampleEntry.at, id: exampleEntry.id })

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

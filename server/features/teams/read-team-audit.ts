// GET /api/teams/:id/audit: who changed what in a team.

import { auditActions, auditSubjectKinds, type AuditEntry } from '../../../lib/domain/audit.ts'
import type { Position } from '../../../lib/domain/page.ts'
import {
  described,
  dictionary,
  InvalidField,
  list,
  named,
  object,
  oneOf,
  shape,
  string,
  time,
} from '../../../lib/domain/shape.ts'
import { answer } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { cursorOf } from '../../http/cursor.ts'
import { linkToNext, noStore } from '../../http/response-headers.ts'
import { linkToRest, pageQuery } from './paging.ts'
import type { TeamParts } from './parts.ts'
import { orUnavailable, teamProblems, valueOf } from './problems.ts'
import { id, tag } from './vocabulary.ts'

const path = '/api/teams/:id/audit'

const detail = shape({ type: ['string', 'number', 'boolean'] }, (value) => value)
const entryShape = named(
  'AuditEntry',
  object({
    id: string({ pattern: '^[0-9]+$', description: 'Grows with time.' }),
    at: time,
    actor_id: described(string(), 'The account that did it.'),
    action: oneOf(...auditActions),
    subject: object({ kind: oneOf(...auditSubjectKinds), id: string() }),
    details: described(dictionary(detail), 'Ids and roles: no address, no name, no text.'),
    request_id: described(string(), 'The `X-Request-Id` of the request.'),
  }),
)
const exampleEntry = {
  id: '1042',
  at: new Date('2026-01-31T12:00:00.000Z'),
  actor_id: '0b1ee3c8-6a37-4d38-8d0e-2b9f5f1a1c55',
  action: 'member.promoted',
  subject: { kind: 'team', id: id.example as string },
  details: { userId: '9d1f1c5a-9b57-4d7c-8e2f-0a8d5f6b7c11' },
  request_id: '4bf92f3577b34da6a3ce929d0e0e4736',
} as const
const page = answer({
  status: 200,
  description: 'Entries, the newest first. `Link` says where the list goes on.',
  headers: [noStore, linkToNext],
  body: named('AuditList', object({ entries: list(entryShape) })),
  examples: [{ entries: [exampleEntry] }],
})

const query = pageQuery(path)
/** An entry's place in the list is its id, which is a number. */
const after = {
  ...query.after,
  example: cursorOf(path, { createdAt: exampleEntry.at, id: exampleEntry.id }),
  shape: {
    ...query.after.shape,
    parse(value: unknown, field: string): Position | undefined {
      const place = query.after.shape.parse(value, field)
      if (place === undefined || /^\d{1,18}$/.test(place.id)) return place
      throw new InvalidField(field, `${field} must be one cursor from a Link of ${path}`)
    },
  },
}

export const readTeamAudit = ({ teams, audit }: TeamParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'readTeamAudit',
    summary: 'Read who changed what in a team',
    description: 'For admins of the team.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    query: { ...query, after },
    responses: [page],
    problems: teamProblems,
    async handler({ principal, params, query: { limit, after } }) {
      await valueOf(teams.mayReadAudit(principal.userId, params.id))
      const subject = { kind: 'team', id: params.id } as const
      const range = { subject, before: after?.id, count: limit }
      const { entries, hasMore } = await orUnavailable(audit.read(range))
      const last = entries.at(-1)
      const next = hasMore && last ? { createdAt: last.at, id: last.id } : undefined
      return page.reply(
        { entries: entries.map(shown) },
        linkToRest(path, `/api/teams/${params.id}/audit`, limit, next),
      )
    },
  })

const shown = ({ id, at, actorId, action, subject, details, requestId }: AuditEntry) => ({
  id,
  at,
  actor_id: actorId,
  action,
  subject,
  details,
  request_id: requestId,
})

// GET /api/admin/audit: who changed what, in all teams and accounts.

import type { AuditLog } from '../../../lib/audit/audit.ts'
import { auditPage, auditQuery, auditReply } from '../../http/audit-page.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { orProblem, unavailable } from '../../http/problem.ts'

const path = '/api/admin/audit'
const unreadable = unavailable(
  {
    slug: 'audit-log-unreadable',
    when: 'The audit log can not be read now.',
    remedy: 'Wait for `Retry-After`, then read again. `/ready` says which dependency is down.',
  },
  "the audit log can't be read now",
)

export type AuditParts = { readonly audit: Pick<AuditLog, 'read'> }

export const readAuditLog = ({ audit }: AuditParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'readAuditLog',
    summary: 'Read who changed what',
    description: 'For system admins. Entries hold ids: no address, no name and no text of anybody.',
    tag: {
      name: 'Audit log',
      description: 'Who did what to which account, team, membership or role, and in which request.',
    },
    auth: 'system-admin',
    limit: 'user',
    query: auditQuery(path),
    responses: [auditPage],
    problems: [unreadable],
    async handler({ query: { limit, after } }) {
      const page = await audit
        .read({ before: after?.id, count: limit })
        .catch(orProblem(unreadable))
      return auditReply(page, { route: path, path, limit })
    },
  })

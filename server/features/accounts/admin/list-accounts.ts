// GET /api/admin/accounts: all accounts, the newest first, or the one with an address.

import { newEmail } from '../../../../lib/domain/credentials.ts'
import { list, named, object, optional, wholeNumber } from '../../../../lib/domain/shape.ts'
import { answer } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { nextLink } from '../../../http/cursor.ts'
import { limitDefault, limitMax, pageQuery, rangeOf } from '../../../http/paging.ts'
import { linkToNext, noStore } from '../../../http/response-headers.ts'
import { accountsUnavailable, orUnavailable } from '../parts.ts'
import { exampleManaged, managedAccountShape, tag, type AdminParts } from './vocabulary.ts'

const path = '/api/admin/accounts'

const page = answer({
  status: 200,
  description: 'Accounts, the newest first. `Link` says where the list goes on.',
  headers: [noStore, linkToNext],
  body: named(
    'ManagedAccounts',
    object({ limit: wholeNumber(1, limitMax), accounts: list(managedAccountShape) }),
  ),
  examples: [{ limit: limitDefault, accounts: [exampleManaged] }],
})

export const listAccounts = ({ administration }: AdminParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'listAccounts',
    summary: 'List accounts, a page at a time',
    tag,
    auth: 'system-admin',
    limit: 'user',
    query: {
      ...pageQuery(path),
      email: {
        shape: optional(newEmail),
        description: 'Only the account with this address, however its letters are cased.',
        example: exampleManaged.email,
      },
    },
    responses: [page],
    problems: [accountsUnavailable],
    async handler({ query }) {
      const { limit, email } = query
      if (email !== undefined) {
        const account = await orUnavailable(administration.findByEmail(email))
        return page.reply({ limit, accounts: account ? [account] : [] })
      }
      const { accounts, next } = await orUnavailable(administration.list(rangeOf(query)))
      return page.reply({ limit, accounts }, nextLink(path, limit, next))
    },
  })

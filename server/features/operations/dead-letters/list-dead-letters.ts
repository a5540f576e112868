// GET /api/admin/dead-letters: what could never be applied, the newest first.

import { list, named, object, wholeNumber } from '../../../../lib/domain/shape.ts'
import { answer } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { nextLink } from '../../../http/cursor.ts'
import { limitDefault, limitMax, numberedPageQuery } from '../../../http/paging.ts'
import { orProblem } from '../../../http/problem.ts'
import { linkToNext, noStore } from '../../../http/response-headers.ts'
import {
  exampleLetter,
  letterMembers,
  lettersUnavailable,
  path,
  shownLetter,
  tag,
  type DeadLetterParts,
} from './vocabulary.ts'

const page = answer({
  status: 200,
  description: 'Dead letters, the newest first. `Link` says where the list goes on.',
  headers: [noStore, linkToNext],
  body: named(
    'DeadLetters',
    object({ limit: wholeNumber(1, limitMax), letters: list(object(letterMembers)) }),
  ),
  examples: [{ limit: limitDefault, letters: [exampleLetter] }],
})

const query = numberedPageQuery(path, {
  createdAt: exampleLetter.failed_at,
  id: String(exampleLetter.id),
})

export const listDeadLetters = ({ letters }: DeadLetterParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'listDeadLetters',
    summary: 'List dead letters, a page at a time',
    description:
      'For system admins: commands that no worker can ever apply. Their records are in none.',
    tag,
    auth: 'system-admin',
    limit: 'user',
    query,
    responses: [page],
    problems: [lettersUnavailable],
    async handler({ query: { limit, after } }) {
      const found = await letters
        .newest(limit + 1, 0, after && Number(after.id))
        .catch(orProblem(lettersUnavailable))
      const shown = found.slice(0, limit)
      const last = found.length > limit ? shown.at(-1) : undefined
      const next = last && { createdAt: last.failedAt, id: String(last.id) }
      return page.reply(
        { limit, letters: shown.map((one) => shownLetter(one, one.size)) },
        nextLink(path, limit, next),
      )
    },
  })

// GET /api/admin/dead-letters/:id: one of them, with its record.

import { boolean, described, named, object, string } from '../../../../lib/domain/shape.ts'
import { recordText } from '../../../../lib/todo-store/letter-record.ts'
import { answer } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem, orProblem } from '../../../http/problem.ts'
import { noStore } from '../../../http/response-headers.ts'
import {
  exampleLetter,
  letterId,
  letterMembers,
  lettersUnavailable,
  noSuchLetter,
  path,
  shownLetter,
  tag,
  type DeadLetterParts,
} from './vocabulary.ts'

/** More than a command of ours has; what somebody else wrote may be a megabyte. */
const recordBytesMax = 16_384

const letter = answer({
  status: 200,
  description: 'The letter.',
  headers: [noStore],
  body: named(
    'DeadLetter',
    object({
      ...letterMembers,
      record: described(
        string(),
        `As text, or \`hex …\` where it is none: ${recordBytesMax} bytes at most. Control characters are written as \`\\u0000\`.`,
      ),
      is_cut: described(boolean, 'Whether the record goes on.'),
    }),
  ),
  examples: [{ ...exampleLetter, record: '{"schema":99}', is_cut: false }],
})

export const readDeadLetter = ({ letters }: DeadLetterParts) =>
  endpoint({
    method: 'GET',
    path: `${path}/:id`,
    operationId: 'readDeadLetter',
    summary: 'Read a dead letter',
    description:
      'For system admins, who decide about it. Its record is a command that somebody sent: it may have the text of a todo.',
    tag,
    auth: 'system-admin',
    limit: 'user',
    params: { id: letterId },
    responses: [letter],
    problems: [noSuchLetter, lettersUnavailable],
    async handler({ params: { id } }) {
      const found = await letters.get(id).catch(orProblem(lettersUnavailable))
      if (!found) throw new Problem(noSuchLetter)
      const bytes = found.record?.length ?? null
      const isCut = bytes !== null && bytes > recordBytesMax
      const record = found.record?.subarray(0, recordBytesMax) ?? null
      return letter.reply({
        ...shownLetter(found, bytes),
        record: recordText(record, isCut),
        is_cut: isCut,
      })
    },
  })

// GET /ping: an answer and nothing else, limited by address; to try the limits with.

import { named, object, oneOf } from '../../../lib/domain/shape.ts'
import { answer } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { noStore } from '../../http/response-headers.ts'
import { tag } from './health.ts'

const pong = answer({
  status: 200,
  description: 'The server responds.',
  headers: [noStore],
  body: named('Ping', object({ status: oneOf('pong') })),
  examples: [{ status: 'pong' }],
})
const reply = pong.reply({ status: 'pong' })

export const getPing = () =>
  endpoint({
    method: 'GET',
    path: '/ping',
    operationId: 'getPing',
    summary: 'Ping, rate-limited by address',
    tag,
    auth: 'none',
    limit: 'address',
    responses: [pong],
    handler: () => reply,
  })

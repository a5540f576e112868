// GET /health: this process lives.

import { named, object, oneOf } from '../../../lib/domain/shape.ts'
import { answer } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { noStore } from '../../http/response-headers.ts'
import { tag } from './health.ts'

const alive = answer({
  status: 200,
  description: 'The process is alive.',
  headers: [noStore],
  body: named('Health', object({ status: oneOf('ok') })),
  examples: [{ status: 'ok' }],
})
const reply = alive.reply({ status: 'ok' })

export const getHealth = () =>
  endpoint({
    method: 'GET',
    path: '/health',
    operationId: 'getHealth',
    summary: 'Liveness',
    tag,
    isProbe: true,
    auth: 'none',
    limit: 'probe',
    responses: [alive],
    handler: () => reply,
  })

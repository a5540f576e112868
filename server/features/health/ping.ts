// GET /ping: an answer and nothing else, limited by address; to try the limits with.

import { createReply } from '../../http/engines/engine.ts'
import type { Handler } from '../../http/router.ts'
import { jsonHeaders } from '../../http/security-headers.ts'

const pong = createReply(
  200,
  [...jsonHeaders, 'Cache-Control', 'no-store'],
  JSON.stringify({ status: 'pong' }),
)

export const getPing: Handler = () => pong

// What the document says of the API as a whole.

import { version } from '../../../lib/runtime/version.ts'
import type { Info } from '../../http/contract/openapi.ts'

export const about: Info = {
  title: 'Million RPS Todo API',
  version,
  summary: 'Reads from memory, writes acknowledged by a log.',
  description: [
    'Reads of public todos need no token, and come from memory. A write is acknowledged with a 202 once a log has it durably. Writes are applied in the order of that log, each exactly once; whether a todo exists and is yours is decided then. `Prefer: wait` waits for that.',
    "Personal todos, under `/api`, are only their owner's. A write to them is answered with its effect, unless `Prefer: respond-async` is sent.",
    'Errors are `application/problem+json`; `type` is the path of a page that says what to do. A path takes the methods that are described here, and `HEAD` where it takes `GET`: the same without the body. `OPTIONS` names them in `Allow`, and answers the preflights of browsers (CORS). Any other method is a 405 with `Allow`, and any other path is a 404.',
    'This is version 1: each path may begin with `/v1`, and then answers with the same bytes. Only health and documentation have no version. An endpoint that will go says so in `Deprecation` (RFC 9745), and in `Sunset` (RFC 8594) once its end is decided.',
    'A request is called by the trace id of its `traceparent`, else by its `X-Request-Id` (1 to 128 letters, digits and `._~:/+=@-`), else by a new id. The answer says it as `X-Request-Id`, but for lists that are ready and the same bytes for everybody.',
    'Routes with a limit say so in `RateLimit-Policy` and `RateLimit`: writes and all of `/api` by user, `/auth` and `/ping` by client address, other reads by address where a setting says so. Past it they answer 429 with `Retry-After`. Lists from memory have none.',
    'Every answer with a body says `X-Content-Type-Options: nosniff`, and all but lists have a `Content-Security-Policy`. Pages of the origins in the setting `CORS_ORIGINS` may call from a browser; the answers to them have `Access-Control-Allow-Origin`, and `Vary: Origin` unless every origin is allowed.',
  ].join('\n\n'),
  license: { name: 'MIT', identifier: 'MIT' },
}

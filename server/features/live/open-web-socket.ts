// GET /live: a WebSocket. Those that are opened never come here: only what is wrong with one does.

import { endpoint } from '../../http/contract/endpoint.ts'
import { handshakeWithBody, malformedKey, notUpgraded } from '../../http/engines/web-socket.ts'
import { invalidToken } from '../../http/access-problems.ts'
import { Problem } from '../../http/problem.ts'
import { handshakeProblems, livePath } from '../../realtime/live.ts'
import { subprotocol, tokenProtocol } from '../../realtime/protocol.ts'
import { tag, type WatchParts } from './parts.ts'

export const openWebSocket = ({ watch }: { readonly watch: WatchParts }) =>
  endpoint({
    method: 'GET',
    path: livePath,
    operationId: 'openWebSocket',
    summary: 'Open a WebSocket',
    description: `Answered with a 101 when it is an opening handshake (RFC 6455); \`GET /asyncapi.json\` describes the messages. A token comes in the first message, or as \`Sec-WebSocket-Protocol: ${subprotocol}, ${tokenProtocol}<token>\`; never in the address.`,
    tag,
    auth: 'none',
    limit: 'address',
    responses: [],
    problems: [
      notUpgraded,
      malformedKey,
      handshakeWithBody,
      ...handshakeProblems,
      invalidToken('the token has expired'),
    ],
    handler({ request }) {
      watch.live.refuse(request)
      // It came behind a request whose answer was due, or its path was spelt another way.
      throw new Problem(notUpgraded)
    },
  })

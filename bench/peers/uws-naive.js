// A peer: uWebSockets.js as its examples use it, without cork(). Under pipelining it leaves the 16 KiB
// cork buffer at once, and every status line, header and body becomes a send() of its own.

import * as uws from 'uWebSockets.js'
import { answers, host, listening } from './answers.js'

const byLimit = new Map(
  answers.map(({ limit, headers, body }) => [String(limit), { headers, body }]),
)

uws
  .App()
  .get('/todos', (response, request) => {
    const answer = byLimit.get(request.getQuery('limit'))
    if (!answer) {
      response.writeStatus('404 Not Found').end()
      return
    }
    for (const [name, value] of answer.headers) response.writeHeader(name, value)
    response.end(answer.body)
  })
  .listen(host, 0, (socket) => listening(uws.us_socket_local_port(socket)))

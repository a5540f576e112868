// A peer: plain node:http, as one would write it by hand for two ready bodies. What our node engine
// costs without its fast path.

import { createServer } from 'node:http'
import { answers, host, listening } from './answers.js'

const byTarget = new Map(
  answers.map(({ limit, headers, body }) => [
    `/todos?limit=${limit}`,
    { headers: [...headers.flat(), 'Content-Length', String(body.length)], body },
  ]),
)

const server = createServer((request, response) => {
  const answer = byTarget.get(request.url)
  if (answer) response.writeHead(200, answer.headers).end(answer.body)
  else response.writeHead(404).end()
})
server.listen(0, host, () => listening(server.address().port))

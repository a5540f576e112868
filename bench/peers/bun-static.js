// A peer: Bun's static routes, which are answered without running any JavaScript. They match on the
// path alone, so the limit is in the path here: as many bytes as in the query.

import { answers, host, listening } from './answers.js'

const routes = Object.fromEntries(
  answers.map(({ limit, headers, body }) => [
    `/todos/limit/${limit}`,
    new Response(body, { headers }),
  ]),
)

const server = Bun.serve({
  hostname: host,
  port: 0,
  routes,
  fetch: () => new Response(null, { status: 404 }),
})
listening(server.port)

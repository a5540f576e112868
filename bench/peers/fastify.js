// A peer: Fastify, the framework that most people would take on Node. Its own router, its own query
// parser, a Buffer as the payload so that nothing is serialised.

import createFastify from 'fastify'
import { answers, host, listening } from './answers.js'

const byLimit = new Map(
  answers.map(({ limit, headers, body }) => [
    String(limit),
    { headers: Object.fromEntries(headers), body },
  ]),
)

const fastify = createFastify()
fastify.get('/todos', (request, reply) => {
  const answer = byLimit.get(request.query.limit)
  if (answer) reply.headers(answer.headers).send(answer.body)
  else reply.code(404).send()
})
await fastify.listen({ host, port: 0 })
listening(fastify.server.address().port)

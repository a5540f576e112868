// A collector of traces that refuses, or takes connections and says nothing: writes go on, what waits for
// it is bounded, the log has one line of it, and the server ends as ever.

import { createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { startServer } from '../../scripts/stack/processes.ts'
import { freePort } from '../../scripts/stack/ports.ts'
import { scrape } from '../../scripts/stack/scrape.ts'
import { eventually } from '../eventually.ts'
import { testDatabase, testTopic } from '../services.ts'
import { generousTimeouts, testSecret } from '../settings.ts'

/** More spans than may wait, which are 2,048: a write is two, its request's and that of its sending. */
const writes = 1_300
const spansOfWrite = 2
const waitingMax = 2_048
const atOnce = 50

const silentPort = async (t: Test): Promise<number> => {
  const server = createServer((socket) => {
    socket.resume().on('error', () => {})
    t.teardown(() => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

const collectors: Record<string, (t: Test) => Promise<number>> = {
  refuses: freePort,
  'is silent': silentPort,
}

t.jobs = 2

for (const [name, portOf] of Object.entries(collectors)) {
  void t.test(`a collector that ${name}`, async (t) => {
    const server = await startServer({
      COMMAND_LOG: 'postgres',
      LIST_CACHE: 'postgres',
      DATABASE_URL: await testDatabase(t),
      KAFKA_TODO_TOPIC: testTopic(),
      JWT_SECRET: testSecret,
      LOG_LEVEL: 'warn',
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: '0',
      HTTP_PROCESSES: '1',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await portOf(t)}`,
      // OpenTelemetry's own: how long one request to the collector may take, in ms.
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
      ...generousTimeouts,
    })
    t.teardown(() => server.stop())
    const statuses = new Set<number>()
    const headers = {
      Authorization: `Bearer ${signToken(testSecret, 'ann', 600)}`,
      'Content-Type': 'application/json',
    }
    let left = writes
    const write = async () => {
      while (left-- > 0) {
        const url = `http://127.0.0.1:${server.port}/todos`
        const response = await fetch(url, { method: 'POST', headers, body: '{"title":"x"}' })
        await response.arrayBuffer()
        statuses.add(response.status)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, write))
    t.same([...statuses], [202], 'writes go on')

    const dropped = (await scrape(server.metricsPort)).total('todos_trace_spans_total')
    t.ok(dropped >= writes * spansOfWrite - waitingMax, 'no more than these wait')
    await eventually(
      () => Promise.resolve(server.output()),
      (output) => output.includes('spans are dropped'),
    )
    const { samples } = await scrape(server.metricsPort)
    const exported = samples.find(
      ({ name, labels }) => name === 'todos_trace_spans_total' && labels['result'] === 'exported',
    )
    t.equal(exported?.value, 0)

    await server.stop()
    t.equal(await server.exited, 0)
    const lines = server.output().trim().split('\n')
    t.match(
      lines.map((line) => JSON.parse(line) as { msg: string }),
      [{ msg: 'traces are not exported, spans are dropped' }],
    )
    t.equal(lines.length, 1, 'one line, and none of a shutdown that took too long')
  })
}

// Nothing that happens to a connection to Postgres ends a process, and whatever it was, it heals: cut,
// refused, torn, delayed and silent connections at random points of start-up and of statements, and a
// Postgres that answers for moments only.

import { fork } from 'node:child_process'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { ClientReport } from '../../../testing/postgres-client.ts'
import { restartable } from '../../../testing/restartable.ts'
import { startPostgres } from '../../../scripts/stack/postgres.ts'
import { ownPostgres } from '../../../testing/services.ts'
import { seeded } from '../../../testing/seeded.ts'
import { startTimeoutMs } from '../../../testing/eventually.ts'

const faultsMs = Number(process.env['FAULTS_SECONDS'] ?? 10) * 1_000

t.test('connections that are cut, torn, delayed and silent', async (t) => {
  const { seed, next, below } = seeded(t)
  const postgres = await ownPostgres(t)
  const proxy = await startFaultyProxy(t, postgres.port, next)
  const url = new URL(postgres.url)
  url.port = String(proxy.port)
  const client = startClient(t, { DATABASE_URL: url.href, SEED: String(seed) })
  await client.works()

  proxy.setFaulty(true)
  const endMs = performance.now() + faultsMs
  while (performance.now() < endMs && client.uncaught.length === 0) {
    if (below(4) === 0) proxy.cutAll()
    await delay(below(150))
  }
  proxy.setFaulty(false)
  const { statements, failures } = await client.works()
  t.comment(`${statements} uses, ${failures} failed`)
  t.same(client.uncaught, [], 'nothing that nobody caught')
  t.ok(failures > 0, 'some failed')
})

t.test('a Postgres that answers for moments only', async (t) => {
  const { seed, below } = seeded(t)
  const postgres = await ownPostgres(t)
  const client = startClient(t, { DATABASE_URL: postgres.url, SEED: String(seed) })
  await client.works()
  const endMs = performance.now() + faultsMs
  while (performance.now() < endMs && client.uncaught.length === 0) {
    postgres.kill('SIGSTOP')
    await delay(350) // longer than the client's time-out
    postgres.kill('SIGCONT')
    await delay(3 + below(57))
  }
  const { statements, failures } = await client.works()
  t.comment(`${statements} uses, ${failures} failed`)
  t.same(client.uncaught, [], 'nothing that nobody caught')
  t.ok(failures > 0, 'some failed')
})

t.test('a Postgres that is killed and started, again and again', async (t) => {
  const { seed } = seeded(t)
  const postgres = await restartable(t, (options) => startPostgres({ ...options, durable: false }))
  const client = startClient(t, { DATABASE_URL: postgres.url, SEED: String(seed) })
  await client.works()
  for (let i = 0; i < 3; i++) {
    await postgres.takeAway()
    await postgres.giveBack()
    await client.works()
  }
  t.same(client.uncaught, [], 'nothing that nobody caught')
})

const startClient = (t: Test, env: Readonly<Record<string, string>>) => {
  const child = fork(
    fileURLToPath(new URL('../../../testing/postgres-client.ts', import.meta.url)),
    {
      env: { ...process.env, ...env },
    },
  )
  t.teardown(() => child.kill('SIGKILL'))
  const uncaught: string[] = []
  let answer: (report: ClientReport & { kind: 'working' }) => void = () => {}
  child.on('message', (report: ClientReport) => {
    if (report.kind === 'working') answer(report)
    else uncaught.push(report.stack)
  })
  const exited = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) =>
      reject(new Error(`the client ended (${signal ?? code}): ${uncaught.join('\n')}`)),
    )
  })
  exited.catch(() => {}) // also when the test is over
  return {
    uncaught,
    /** Resolves when all that it does succeeds. */
    async works() {
      const works = new Promise<ClientReport & { kind: 'working' }>((resolve) => (answer = resolve))
      const asking = setInterval(() => child.send('works?', () => {}), 200)
      const late = delay(startTimeoutMs, undefined, { ref: false }).then(() => {
        throw new Error('it does not work again')
      })
      try {
        return await Promise.race([works, exited, late])
      } finally {
        clearInterval(asking)
      }
    },
  }
}

/** Each connection of a faulty one has a fate of its own. */
const startFaultyProxy = async (t: Test, servicePort: number, random: () => number) => {
  let isFaulty = false
  const sockets = new Set<Socket>()
  const fates = ['pass', 'pass', 'refuse', 'cut', 'tear', 'silence', 'delay', 'reset'] as const

  const server = createServer((client) => {
    const fate = isFaulty ? fates[Math.floor(random() * fates.length)] : 'pass'
    /** How many bytes of the service's pass before it strikes: start-up is about 500. */
    let left = Math.floor(random() * (random() < 0.5 ? 600 : 100_000))
    const service = connect(servicePort, '127.0.0.1')
    const end = () => {
      client.destroy()
      service.destroy()
    }
    for (const one of [client, service]) {
      sockets.add(one)
      one.setNoDelay(true)
      one.on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        end()
      })
    }
    if (fate === 'refuse') return end()
    client.on('data', (chunk) => {
      if (!(fate === 'silence' && left <= 0)) service.write(chunk)
    })
    service.on('data', (chunk) => {
      left -= chunk.length
      if (fate === 'delay') setTimeout(() => client.write(chunk), random() * 600)
      else if (fate === 'pass' || left > 0) client.write(chunk)
      else if (fate === 'tear') client.write(chunk.subarray(0, chunk.length / 2), end)
      else if (fate === 'reset') client.resetAndDestroy()
      else if (fate === 'cut') end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const cutAll = () => {
    for (const one of sockets) one.destroy()
  }
  t.teardown(() => {
    cutAll()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    /** Those that are open keep their fate. */
    setFaulty(is: boolean) {
      isFaulty = is
    },
    cutAll,
  }
}

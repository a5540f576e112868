// TLS to Redis in each of its forms: servers that ask everybody for a certificate, their own replicas and
// Sentinels too. What is set wrongly is said in one line that names the setting.

import { readFile } from 'node:fs/promises'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import {
  createAuthority,
  type Authority,
  type Issued,
} from '../../../scripts/stack/certificates.ts'
import { askRedis, startRedis, type RedisTlsFiles } from '../../../scripts/stack/redis.ts'
import { startRedisCluster } from '../../../scripts/stack/redis-cluster.ts'
import { startRedisSentinels } from '../../../scripts/stack/redis-sentinel.ts'
import { eventually } from '../../../testing/eventually.ts'
import { orSkip, ownRedis, testDirectory } from '../../../testing/services.ts'
import { openRedis } from './connections.ts'
import { redisTls } from './tls.ts'

type Started = { readonly url: string; stop(): Promise<void> }

const forms: Readonly<Record<string, (tls: RedisTlsFiles, directory: string) => Promise<Started>>> =
  {
    'one server': (tls, directory) => startRedis({ directory, tls }),
    Sentinels: (tls, directory) => startRedisSentinels({ directory, tls }),
    'a cluster': (tls, directory) => startRedisCluster({ directory, tls }),
  }

const makeCertificates = async (t: Test) => {
  const directory = await testDirectory(t)
  const authority = await createAuthority(directory, 'authority')
  const stranger = await createAuthority(directory, 'stranger')
  return {
    authority,
    stranger,
    server: await authority.issue('redis'),
    client: await authority.issue('client'),
    strangersClient: await stranger.issue('client'),
  }
}

const settingsOf = (authority?: Authority, client?: Issued) =>
  redisTls({
    REDIS_CA_FILE: authority?.certFile ?? '',
    REDIS_CERT_FILE: client?.certFile ?? '',
    REDIS_KEY_FILE: client?.keyFile ?? '',
  })

/** What a write comes to, on a connection for it alone, and what the log says in the end. */
const outcomesAt = (t: Test, url: string, tls = settingsOf()) => {
  const reasons: string[] = []
  const write = (line: string) => void reasons.push((JSON.parse(line) as { reason: string }).reason)
  const connections = openRedis(url, pino({ level: 'warn' }, { write }), tls)
  t.teardown(connections.close)
  const connection = connections.follow('key', { timeoutMs: 2_000 })
  const outcome = () =>
    connection.run((redis) => redis.set('key', '1')).catch((error: Error) => error.message)
  return { outcome, reasons }
}

for (const [form, start] of Object.entries(forms)) {
  void t.test(`TLS and a client certificate, to ${form}`, async (t) => {
    const system = await orSkip(t, async () => {
      const made = await makeCertificates(t)
      const tls = { caFile: made.authority.certFile, ...made.server }
      const started = await start(tls, await testDirectory(t))
      t.teardown(() => started.stop())
      return { ...made, ...started }
    })
    if (!system) return
    const { url, authority, stranger, client, strangersClient } = system
    const good = settingsOf(authority, client)
    t.match(url, /^rediss/)
    t.equal(await outcomesAt(t, url, good).outcome(), 'OK')

    for (const [name, where, files, line] of [
      ['no authority', url, settingsOf(), /not trusted: set REDIS_CA_FILE/],
      ['another authority', url, settingsOf(stranger, client), /not trusted: set REDIS_CA_FILE/],
      [
        'a name that the certificate has not',
        url.replaceAll('127.0.0.1', 'localhost'),
        good,
        /for another name: set the host of REDIS_URL/,
      ],
      [
        'no client certificate',
        url,
        settingsOf(authority),
        /client certificate that it trusts.*|unanswered: .*set REDIS_CERT_FILE and REDIS_KEY_FILE/,
      ],
      [
        'a client certificate of another authority',
        url,
        settingsOf(authority, strangersClient),
        /client certificate that it trusts.*|unanswered: .*set REDIS_CERT_FILE and REDIS_KEY_FILE/,
      ],
      [
        'no TLS',
        url.replace('rediss', 'redis'),
        settingsOf(),
        /closed the connection unanswered: if it is up and .*, set REDIS_URL to rediss:\/\//,
      ],
    ] as const) {
      await t.test(`${name}: one line says what to set`, async (t) => {
        const { outcome, reasons } = outcomesAt(t, where, files)
        const said = await eventually(outcome, (seen) => line.test(seen))
        t.notMatch(said, /\n|openssl/, said)
        await eventually(outcome, (seen) => line.test(seen))
        t.ok(reasons.length > 0, 'the log has it, too')
        t.same(reasons, [...new Set(reasons)], 'and once')
        for (const one of reasons) t.match(one, line)
      })
    }
  })
}

void t.test('TLS to a Redis without', async (t) => {
  const redis = await ownRedis(t)
  if (!redis) return
  const { outcome } = outcomesAt(t, redis.url.replace('redis', 'rediss'))
  t.match(await outcome(), /does not speak TLS: if it is up, set REDIS_URL to redis:\/\//)
})

void t.test(
  'a client certificate is not asked for, and Node.js trusts the authority',
  async (t) => {
    const system = await orSkip(t, async () => {
      const made = await makeCertificates(t)
      const tls = { caFile: made.authority.certFile, ...made.server }
      const directory = await testDirectory(t)
      const settings = { 'tls-auth-clients': 'no' }
      const service = await startRedis({ directory, tls, settings })
      t.teardown(() => service.stop())
      const reply = await askRedis(service.port, 'ACL SETUSER todos on >a/b ~* +@all', tls)
      t.match(reply, /^\+OK/)
      return { ...made, url: service.url.replace('//', '//todos:a%2Fb@') }
    })
    if (!system) return
    const usual = getCACertificates()
    t.teardown(() => setDefaultCACertificates(usual))
    setDefaultCACertificates([...usual, await readFile(system.authority.certFile, 'utf8')])
    t.equal(await outcomesAt(t, system.url).outcome(), 'OK')
  },
)

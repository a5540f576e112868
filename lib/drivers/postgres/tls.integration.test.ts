// URLs as people have them, against a real Postgres with a certificate: each sslmode, client
// certificates, IPv6 and Unix sockets; and what is wrong is said with what to set.

import { chmod, chown, copyFile, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type ListenOptions } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAuthority } from '../../../scripts/stack/certificates.ts'
import { eventually } from '../../../testing/eventually.ts'
import { orSkip, ownPostgres, testDirectory } from '../../../testing/services.ts'
import { connectPostgres } from './client.ts'
import { openConnection } from './connection.ts'
import { ConnectionLost } from './errors.ts'
import { migrate } from './migrate.ts'
import { createPool } from './pool.ts'

const password = 'p@ss/word?#%'

const rules = `
hostssl all certified 127.0.0.1/32 scram-sha-256 clientcert=verify-ca
hostssl all encrypted 127.0.0.1/32 scram-sha-256
host all plain,postgres 127.0.0.1/32 scram-sha-256
`

const startSecured = async (t: Test) => {
  const service = await ownPostgres(t)
  const directory = await testDirectory(t)
  const [authority, stranger] = await Promise.all([
    createAuthority(directory, 'authority'),
    createAuthority(directory, 'stranger'),
  ])
  const [server, client, unknownClient] = await Promise.all([
    authority.issue('server'),
    authority.issue('client'),
    stranger.issue('client'),
  ])
  const admin = connectPostgres({ url: service.url, poolSize: 1 })
  t.teardown(() => admin.end())
  const [row] = await admin<{ data: string }[]>`SELECT current_setting('data_directory') AS data`
  const data = row?.data ?? ''
  const { uid, gid } = await stat(data)
  for (const [setting, file] of Object.entries({
    ssl_cert_file: server.certFile,
    ssl_key_file: server.keyFile,
    ssl_ca_file: authority.certFile,
  })) {
    await copyFile(file, join(data, setting))
    await chmod(join(data, setting), 0o600)
    await chown(join(data, setting), uid, gid)
    await admin.unsafe(`ALTER SYSTEM SET ${setting} = '${setting}'`)
  }
  for (const user of ['certified', 'encrypted', 'plain']) {
    await admin.unsafe(`CREATE ROLE ${user} LOGIN PASSWORD '${password}'`)
  }
  await writeFile(join(data, 'pg_hba.conf'), rules)
  t.equal(await tlsAt(service.url), 'none', 'before it has a certificate')
  t.match(await tlsAt(`${service.url}?sslmode=require`), /speaks no TLS on this port: set sslmode/)
  await admin`ALTER SYSTEM SET ssl = on`
  await admin`SELECT pg_reload_conf()`
  const urlOf = (user: string, parameters: string, host = `127.0.0.1:${service.port}`) =>
    `postgres://${user}:${encodeURIComponent(password)}@${host}/todos?${parameters}`
  return { service, directory, authority, stranger, client, unknownClient, urlOf, admin }
}

/** `TLSv1.3` and the like, or `none`; or why it could not be opened. */
const tlsAt = async (url: string): Promise<string> => {
  const { sql, opened, whileOpen, received, discard } = openConnection({ url })
  try {
    await opened
    const [row] = await whileOpen(
      () => sql<{ version: string }[]>`
        SELECT coalesce(version, 'none') AS version
        FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
    )
    return received() > 0 ? (row?.version ?? '') : 'nothing was received'
  } catch (error) {
    return (error as Error).message
  } finally {
    discard(new ConnectionLost('closed'))
  }
}

/** Leads to the Postgres at `port`. Resolves with where it listens. */
const forwarder = async (t: Test, port: number, options: ListenOptions) => {
  const server = createServer((client) => {
    const service = connect(port, '127.0.0.1')
    client.pipe(service).pipe(client)
    for (const socket of [client, service]) {
      socket.on('error', () => {})
      socket.on('close', () => [client, service].forEach((one) => one.destroy()))
    }
  })
  await new Promise<void>((resolve) => server.listen(options, resolve))
  t.teardown(() => server.close())
  const address = server.address()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

void t.test('a Postgres with a certificate', async (t) => {
  const secured = await orSkip(t, () => startSecured(t))
  if (!secured) return
  const { service, directory, authority, stranger, client, unknownClient, urlOf } = secured
  const { port } = service
  const ca = `sslrootcert=${authority.certFile}`
  const pair = ({ certFile, keyFile }: typeof client) => `sslcert=${certFile}&sslkey=${keyFile}`
  await eventually(
    () => tlsAt(urlOf('encrypted', 'sslmode=require')),
    (seen) => seen === 'TLSv1.3',
  )
  const named = `localhost:${port}`
  const cases: readonly (readonly [name: string, url: string, expected: string | RegExp])[] = [
    ['the usual URL of Heroku and RDS, without a parameter', urlOf('encrypted', ''), 'TLSv1.3'],
    ['prefer', urlOf('plain', 'sslmode=prefer'), 'TLSv1.3'],
    ['disable', urlOf('plain', 'sslmode=disable'), 'none'],
    ['ssl=true, of JDBC', urlOf('encrypted', 'ssl=true'), 'TLSv1.3'],
    ['require', urlOf('encrypted', 'sslmode=require'), 'TLSv1.3'],
    ['direct', urlOf('encrypted', 'sslmode=require&sslnegotiation=direct'), 'TLSv1.3'],
    ['a version', urlOf('encrypted', 'ssl_max_protocol_version=TLSv1.2'), 'TLSv1.2'],
    ['verify-ca', urlOf('encrypted', `sslmode=verify-ca&${ca}`, named), 'TLSv1.3'],
    ['require with an authority', urlOf('encrypted', `sslmode=require&${ca}`, named), 'TLSv1.3'],
    ['verify-full', urlOf('encrypted', `sslmode=verify-full&${ca}`), 'TLSv1.3'],
    ['an authority alone', urlOf('encrypted', ca), 'TLSv1.3'],
    [
      'channel binding, as Neon has it',
      urlOf('encrypted', `sslmode=require&channel_binding=require&${ca}`),
      'TLSv1.3',
    ],
    [
      'a client certificate',
      urlOf('certified', `sslmode=verify-full&${ca}&${pair(client)}`),
      'TLSv1.3',
    ],
    [
      'channel binding where nobody knows the authority',
      urlOf('encrypted', 'sslmode=require&channel_binding=require'),
      /not trusted: set sslrootcert of the URL/,
    ],
    [
      'an authority that Node.js does not know',
      urlOf('encrypted', 'sslmode=verify-full'),
      /not trusted: set sslrootcert of the URL/,
    ],
    [
      'another authority',
      urlOf('encrypted', `sslmode=verify-ca&sslrootcert=${stranger.certFile}`),
      /not trusted: set sslrootcert of the URL/,
    ],
    [
      'another name',
      urlOf('encrypted', `sslmode=verify-full&${ca}`, named),
      /for another name: set the URL's host/,
    ],
    [
      'a client certificate that is not trusted',
      // With TLS 1.3 the server refuses it after the handshake, and may close before that is read.
      urlOf('certified', `ssl_max_protocol_version=TLSv1.2&${pair(unknownClient)}`),
      /client certificate that it trusts: set sslcert and sslkey/,
    ],
    ['no client certificate', urlOf('certified', 'sslmode=require'), /client certificate/],
    ['no TLS where it is asked for', urlOf('encrypted', 'sslmode=disable'), /no encryption/],
    ['a wrong password', urlOf('encrypted', 'password=wrong'), /password authentication failed/],
  ]
  for (const [name, url, expected] of cases) t.match(await tlsAt(url), expected, name)

  await t.test('a pool, a migration and a cancelled statement go through TLS', async (t) => {
    const url = urlOf('encrypted', `sslmode=verify-full&${ca}&application_name=through-tls`)
    const pool = createPool({ url, poolSize: 1, timeoutMs: 300 })
    t.teardown(() => pool.close())
    await pool.ping()
    await t.rejects(pool.run((sql) => sql`SELECT pg_sleep(600)`))
    await eventually(
      () => secured.admin`
        SELECT FROM pg_stat_activity
        WHERE application_name = 'through-tls' AND query LIKE '%pg_sleep%' AND state = 'active'`,
      (rows) => rows.length === 0,
    )
    const empty = new URL(`file://${directory}/`)
    t.same(await migrate(`${service.url}?sslmode=verify-full&${ca}`, empty), [])
    const sql = connectPostgres({ url, poolSize: 1 })
    t.same(await sql`SELECT 1 AS one`, [{ one: 1 }])
    await sql.end()
  })

  await t.test('parameters of a session reach the server', async (t) => {
    const url = urlOf('plain', 'application_name=mine&options=-cstatement_timeout%3D5s')
    const { sql, opened, discard } = openConnection({ url })
    await opened
    t.match(
      await sql`SELECT current_setting('application_name') a, current_setting('statement_timeout') b`,
      [{ a: 'mine', b: '5s' }],
    )
    discard(new ConnectionLost('closed'))
  })

  await t.test('an IPv6 address, and a Unix socket in each spelling', async (t) => {
    const ipv6Port = await forwarder(t, port, { host: '::1', port: 0 })
    t.equal(await tlsAt(urlOf('plain', 'sslmode=disable', `[::1]:${ipv6Port}`)), 'none')
    t.equal(await tlsAt(urlOf('plain', '', `[::1]:${ipv6Port}`)), 'TLSv1.3')
    t.match(
      await tlsAt(urlOf('plain', `sslmode=verify-full&${ca}`, `[::1]:${ipv6Port}`)),
      /another name/,
    )
    await forwarder(t, port, { path: join(directory, '.s.PGSQL.5432') })
    t.equal(await tlsAt(urlOf('plain', `host=${directory}`, '')), 'none')
    t.equal(await tlsAt(urlOf('plain', 'sslmode=require', encodeURIComponent(directory))), 'none')
    t.match(await tlsAt(urlOf('plain', '', encodeURIComponent(`${directory}/none`))), /ENOENT/)
  })
})

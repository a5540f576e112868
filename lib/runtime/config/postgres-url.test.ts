// Postgres URLs as people have them: what each means, and what is said of one that can't be followed.

import t from 'tap'
import { checkPostgresUrl, parsePostgresUrl, urlsIn } from './postgres-url.ts'

const parsed = (text: string) => {
  const { tls, ...rest } = parsePostgresUrl(text)
  return { ...rest, mode: tls.mode }
}

const refusal = (text: string): string => {
  try {
    checkPostgresUrl(text)
    return 'not refused'
  } catch (error) {
    return (error as Error).message
  }
}

t.test('the usual URLs of managed databases', async (t) => {
  t.match(
    parsed(
      'postgresql://neondb_owner:npg_x1@ep-a-b-123-pooler.us-east-2.aws.neon.tech/neondb?sslmode=require&channel_binding=require',
    ),
    {
      hosts: [{ host: 'ep-a-b-123-pooler.us-east-2.aws.neon.tech' }],
      user: 'neondb_owner',
      database: 'neondb',
      mode: 'verify-full',
    },
    'Neon',
  )
  t.match(
    parsed('postgres://u:p@h/db?options=endpoint%3Dep-a-b-123&sslmode=require'),
    { options: 'endpoint=ep-a-b-123', mode: 'require' },
    'Neon, for clients without SNI',
  )
  t.match(
    parsed(
      'postgres://postgres.ref:p%40ss@aws-0-eu-central-1.pooler.supabase.com:6543/postgres?sslmode=require&supa=base-pooler.x',
    ),
    { user: 'postgres.ref', password: 'p@ss', hosts: [{ port: 6543 }], mode: 'require' },
    'Supabase',
  )
  t.match(
    parsed('postgres://u:p@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1'),
    {
      hosts: [{ host: 'ec2-1-2-3-4.compute-1.amazonaws.com', port: 5432 }],
      database: 'd1',
      mode: 'prefer',
    },
    'Heroku and RDS take TLS only, and say nothing of it',
  )
  t.match(
    parsed('postgres://u@srv:p@srv.postgres.database.azure.com:5432/db?sslmode=require'),
    { user: 'u@srv', password: 'p', hosts: [{ host: 'srv.postgres.database.azure.com' }] },
    'Azure',
  )
  t.match(
    parsed('postgres://u:p@/db?host=/cloudsql/project:region:instance'),
    { hosts: [{ host: '/cloudsql/project:region:instance' }], user: 'u', database: 'db' },
    'Cloud SQL',
  )
  t.match(
    parsed('postgres://h/db?target_session_attrs=read-write&connect_timeout=10&gssencmode=disable'),
    { connectTimeoutMs: 10_000 },
  )
})

t.test('hosts', async (t) => {
  for (const [url, host, port] of [
    ['postgres://u:p@[::1]:5432/db', '::1', 5432],
    ['postgres://[2001:db8::7]/db', '2001:db8::7', undefined],
    ['postgres://u@[fe80::1%25eth0]:1/db', 'fe80::1%eth0', 1],
    ['postgres://%2Fvar%2Frun%2Fpostgresql/db', '/var/run/postgresql', undefined],
    ['postgres://u:p@%2Fvar%2Frun:5433/db', '/var/run', 5433],
    ['postgres:///db?host=/tmp&port=1', '/tmp', 1],
    ['postgres:///db?host=::1', '::1', undefined],
    ['postgres://', undefined, undefined],
    ['postgres://h:/', 'h', undefined],
  ] as const) {
    t.same(parsePostgresUrl(url).hosts, [{ host, port }], url)
  }
  for (const [url, ...hosts] of [
    ['postgres://u:p@a,b/db', ['a', undefined], ['b', undefined]],
    ['postgres://a:1,b:2/db?target_session_attrs=read-write', ['a', 1], ['b', 2]],
    ['postgres://u:p,q@[::1]:1,[::2]/db', ['::1', 1], ['::2', undefined]],
    ['postgres:///db?host=a,b&port=7', ['a', 7], ['b', 7]],
    ['postgres:///db?host=a,b&port=1,2', ['a', 1], ['b', 2]],
    ['postgres://a,b/db?port=1,2', ['a', 1], ['b', 2]],
  ] as const) {
    const expected = hosts.map(([host, port]) => ({ host, port }))
    t.same(parsePostgresUrl(url).hosts, expected, url)
  }
  t.match(refusal('postgres://a,b,c/db?port=1,2'), /with one port, or with one for each/)
  t.match(refusal('postgres://a,b,c,d,e,f,g,h,i/db'), /with 8 hosts at most/)
  for (const url of [
    'postgres://::1/db',
    'postgres://u:p@::1:5432/db',
    'postgres://u@fe80::7/db',
  ]) {
    t.match(refusal(url), /IPv6 address is in brackets/, url)
  }
})

t.test('a password that is not encoded is said to be so, and not shown', async (t) => {
  for (const url of [
    'postgres://u:hunter#2@h/db',
    'postgres://u:hunter?2@h/db',
    'postgres://u:12?hunter@h/db',
    'postgres://u:hunter/2@h/db',
    'postgres://u:hunter%2@h/db',
    'postgres://u:p@h:hunter/db',
    'postgres://u:p@h/db#hunter',
    'postgres://u:p@[::1]hunter/db',
  ]) {
    t.match(refusal(url), /percent-encoded/, url)
    t.notMatch(refusal(url), /hunter/)
  }
  t.match(parsePostgresUrl('postgres://u:a:b@c@h/db'), {
    password: 'a:b@c',
    hosts: [{ host: 'h' }],
  })
})

t.test('what is no parameter of libpq is named, with what to do', async (t) => {
  for (const [query, line] of [
    ['schema=public', /^a URL without schema, which is Prisma's: remove it, or set options/],
    ['pgbouncer=true', /without pgbouncer, .* set DATABASE_DIRECT_URL to Postgres itself$/],
    ['sslmode=require&connection_limit=5', /without connection_limit, .* set DB_POOL_SIZE$/],
    ['pool_timeout=5', /without pool_timeout/],
    ['sslaccept=strict', /set sslmode to verify-full/],
    ['currentSchema=x', /without currentSchema, which is JDBC's/],
    ['sslMode=require', /did you mean sslmode\?$/],
    ['sslmod=require', /did you mean sslmode\?$/],
    ['aplication_name=x', /did you mean application_name\?$/],
    ['keepalives_idle=5', /without keepalives_idle, which is not needed/],
    ['TimeZone=UTC', /settings of Postgres go into options/],
    ['hunter@h/2=x', /percent-encoded/],
  ] as const) {
    t.match(refusal(`postgres://h/db?${query}`), line, query)
  }
})

t.test('what can not be followed is refused with what can', async (t) => {
  for (const [query, line] of [
    ['sslmode=no-verify', /whose sslmode is disable or allow or prefer or require/],
    ['sslmode=', /whose sslmode is/],
    ['target_session_attrs=standby', /whose target_session_attrs is any or read-write or primary/],
    ['connect_timeout=5s', /whose connect_timeout is a number of seconds up to 300/],
    ['connect_timeout=301', /whose connect_timeout is/],
    ['ssl_min_protocol_version=TLSv1', /is TLSv1.2 or TLSv1.3$/],
    ['client_encoding=LATIN1', /whose client_encoding is UTF8/],
    ['gssencmode=require', /whose gssencmode is disable or prefer/],
    ['load_balance_hosts=random', /whose load_balance_hosts is disable/],
    ['channel_binding=require&sslmode=disable', /without channel_binding=require/],
    ['sslnegotiation=direct', /whose sslmode is require or more/],
    ['sslrootcert=system&sslmode=verify-ca', /whose sslmode is verify-full/],
    ['sslcert=/a', /both sslcert and sslkey/],
    ['sslrootcert=/no/such', /whose sslrootcert is a file with certificates in PEM \(ENOENT/],
    [`sslrootcert=${import.meta.filename}`, /it has no certificate/],
    ['port=x', /percent-encoded/],
  ] as const) {
    t.match(refusal(`postgres://h/db?${query}`), line, query)
  }
})

t.test('how much TLS each URL asks for', async (t) => {
  for (const [query, mode] of [
    ['', 'prefer'],
    ['sslmode=allow', 'prefer'],
    ['ssl=true', 'require'],
    ['ssl=0', 'disable'],
    ['sslmode=disable&sslrootcert=/ca', 'disable'],
    ['sslmode=require', 'require'],
    ['sslmode=require&sslrootcert=/ca', 'verify-ca'],
    ['sslmode=require&sslrootcert=system', 'verify-full'],
    ['sslrootcert=system', 'verify-full'],
    ['sslrootcert=/ca', 'verify-full'],
    ['channel_binding=prefer', 'prefer'],
    ['channel_binding=require', 'verify-full'],
  ] as const) {
    t.equal(parsePostgresUrl(`postgres://h/db?${query}`).tls.mode, mode, query)
  }
})

t.test('a list of URLs is parted where another begins', async (t) => {
  t.same(urlsIn(''), [])
  t.same(urlsIn(' postgres://a:p,w@one/db ,\n postgresql://two/db'), [
    'postgres://a:p,w@one/db',
    'postgresql://two/db',
  ])
})

// What the page of settings says of several settings at once: the URLs of Postgres and Redis.

export const postgresNotes = `A URL is libpq's, those of managed databases included: \`postgres://user:password@host:5432/database\`. The host
may be an IPv6 address (\`[::1]\`) or the directory of a Unix socket (\`?host=/var/run/postgresql\`).

- \`sslmode\` is \`prefer\` where nothing is said: TLS where the server offers it, with any certificate. \`require\`
  insists on TLS. \`verify-ca\` and \`verify-full\` also verify the certificate, against \`sslrootcert\` or what Node.js
  trusts. An \`sslrootcert\` alone means \`verify-full\`.
- \`channel_binding=require\` is taken for \`verify-full\`: the driver has no channel binding.
- Followed as well: \`sslcert\`, \`sslkey\`, \`sslpassword\`, \`sslnegotiation\`, \`ssl_min_protocol_version\`,
  \`connect_timeout\`, \`application_name\`, \`options\`.
- Of several hosts (\`postgres://user:password@a:5432,b:5432/database\`, eight at most) the one that takes writes is
  used, whatever \`target_session_attrs\` says. All are asked at once. Of two that take writes, it is the one that was
  promoted last.
- Other parameters are refused with what to set, Prisma's among them (\`schema\`, \`pgbouncer\`, \`connection_limit\`).`

export const redisNotes = `A URL is \`redis://\` or, with TLS, \`rediss://user:password@host:6379/0\`. When Redis refuses the
login, a right or TLS, one log line says what to set. \`/ready\` repeats it, and the pause between two attempts grows to
5 s.`

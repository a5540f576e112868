// Every answer that the administration of accounts gives, asked for once. For tests.

import type { Sql } from 'postgres'
import { headerOf, type Answer } from '../engines/harness.ts'
import { bearerOf, type Ask } from './ask.ts'

const accounts = '/api/admin/accounts'
type Listed = {
  readonly accounts: readonly {
    readonly id: string
    readonly role: string
    readonly email: string
  }[]
}
type Sessions = { readonly sessions: readonly { readonly id: string }[] }
const bodyOf = ({ body }: Answer) => JSON.parse(body) as Listed & Sessions

/** With the token of a system admin; there are two accounts or more, and the other is logged in. */
export const askAdmin = async (ask: Ask, token: string, sql: Sql) => {
  const lines = [`Authorization: Bearer ${token}`]
  const own = { lines }
  const listed = bodyOf(await ask('listAccounts', 200, accounts, own)).accounts
  await ask('listAccounts', 200, `${accounts}?limit=1`, own)
  await ask('listAccounts', 200, `${accounts}?email=ANN@example.com`, own)
  for (const wrong of ['limit=0', 'after=x', 'email=x'])
    await ask('listAccounts', 400, `${accounts}?${wrong}`, own)
  const other = `${accounts}/${listed.find(({ email }) => email === 'ann@example.com')?.id}`
  const self = `${accounts}/${listed.find(({ role }) => role === 'system-admin')?.id}`
  await ask('readAccount', 200, other, own)
  await ask('readAuditLog', 200, '/api/admin/audit', own)
  await ask('readStatus', 200, '/api/admin/status', own)
  await askDeadLetters(ask, own, sql)
  const { sessions } = bodyOf(await ask('listSessions', 200, `${other}/sessions`, own))
  const session = `/api/admin/sessions/${sessions[0]?.id}`
  await ask('endSession', 204, session, own)
  await ask('endSession', 404, session, own)
  await ask('endSessions', 204, `${other}/sessions`, own)
  await ask('disableAccount', 200, `${other}/disable`, own)
  await ask('enableAccount', 200, `${other}/enable`, own)
  await ask('disableAccount', 409, `${self}/disable`, own)
  await ask('deleteAccount', 409, self, own)
  await ask('deleteAccount', 204, other, own)
  await askEachOfAdmins(ask, 404, lines, 'none')
  await askEachOfAdmins(ask, 400, lines, '%00')
  await askEachOfAdmins(ask, 403, [bearerOf('ann')])
  await askEachOfAdmins(ask, 401, [])
}

const letters = '/api/admin/dead-letters'

/** One is a command, which can be replayed; the other two are none. */
const askDeadLetters = async (ask: Ask, own: { readonly lines: readonly string[] }, sql: Sql) => {
  const command = {
    schema: 1,
    kind: 'delete',
    commandId: 'replayed-by-an-admin',
    todoId: 'none',
    userId: 'ann',
    atMs: 1_000,
  }
  const [log] = await sql<{ log: string }[]>`SELECT log FROM command_log_partitions LIMIT 1`
  for (const [offset, record] of [JSON.stringify(command), 'x', '{"schema":99}'].entries())
    await sql`
      INSERT INTO dead_letters (log, partition, record_offset, reason, record)
      VALUES (${log?.log ?? ''}, 0, ${1_000_000 + offset}, 'staged', ${Buffer.from(record)})`
  await ask('listDeadLetters', 200, letters, own)
  const listed = await ask('listDeadLetters', 200, `${letters}?limit=1`, own)
  const next = /^<(.*)>; rel="next"$/.exec(headerOf(listed, 'Link') ?? '')?.[1] ?? ''
  await ask('listDeadLetters', 200, next, own)
  for (const wrong of ['limit=0', 'after=x'])
    await ask('listDeadLetters', 400, `${letters}?${wrong}`, own)
  const { letters: page } = JSON.parse((await ask('listDeadLetters', 200, letters, own)).body) as {
    letters: readonly { readonly id: number }[]
  }
  const [unreadable, other, good] = page.map(({ id }) => `${letters}/${id}`)
  await ask('readDeadLetter', 200, `${good}`, own)
  await ask('replayDeadLetter', 409, `${unreadable}/replay`, own)
  await ask('replayDeadLetter', 204, `${good}/replay`, own)
  await ask('discardDeadLetter', 204, `${other}`, own)
  for (const [operationId, target] of lettersWith(`${other?.split('/').at(-1)}`))
    await ask(operationId, 404, target, own)
}

const lettersWith = (id: string) =>
  [
    ['readDeadLetter', `${letters}/${id}`],
    ['replayDeadLetter', `${letters}/${id}/replay`],
    ['discardDeadLetter', `${letters}/${id}`],
  ] as const

/** Each of them once; a list has no id to be wrong. */
export const askEachOfAdmins = async (
  ask: Ask,
  status: 400 | 401 | 403 | 404 | 429 | 503,
  lines: readonly string[],
  id = 'none',
) => {
  if (status !== 404)
    for (const [operationId, target] of [
      ['listAccounts', accounts],
      ['readAuditLog', '/api/admin/audit'],
      ['readStatus', '/api/admin/status'],
      ['listDeadLetters', letters],
    ] as const)
      await ask(operationId, status, `${target}?${status === 400 ? 'x=1' : ''}`, { lines })
  for (const [operationId, target] of [
    ['readAccount', `${accounts}/${id}`],
    ['disableAccount', `${accounts}/${id}/disable`],
    ['enableAccount', `${accounts}/${id}/enable`],
    ['deleteAccount', `${accounts}/${id}`],
    ['listSessions', `${accounts}/${id}/sessions`],
    ['endSessions', `${accounts}/${id}/sessions`],
    ['endSession', `/api/admin/sessions/${id}`],
  ] as const) {
    await ask(operationId, status, target, { lines })
  }
  if (status === 404) return
  for (const [operationId, target] of lettersWith(status === 400 ? '0' : '1'))
    await ask(operationId, status, target, { lines })
}

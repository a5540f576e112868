// A token for an invitation whose mail nobody reads. For tests.

import type { Sql } from 'postgres'
import { hashOfToken, newToken } from '../../lib/runtime/single-use-token.ts'
import { eventually } from '../eventually.ts'

export const invitationToken = async (sql: Sql, invitationId: string): Promise<string> => {
  // The worker has sent it: it takes no other token's place any more.
  await eventually(
    () => sql`SELECT FROM mail_outbox`,
    ({ count }) => count === 0,
  )
  const token = newToken()
  await sql`
    UPDATE team_invitations SET token_hash = ${hashOfToken(token)} WHERE id = ${invitationId}`
  return token
}

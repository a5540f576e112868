// npm run admin -- grant EMAIL | revoke EMAIL | list: who administers the accounts. The first system admin
// comes from here, as an account that has registered: no account has a password that anybody knows.

import { randomUUID } from 'node:crypto'
import type { Administration } from '../lib/accounts/administration.ts'
import { createPostgresAdministration } from '../lib/accounts/postgres-administration.ts'
import { appendAudit } from '../lib/audit/postgres.ts'
import { operatorId } from '../lib/domain/audit.ts'
import { normaliseEmail } from '../lib/domain/credentials.ts'
import type { Config } from '../lib/runtime/config/config.ts'
import { databaseTarget } from '../lib/runtime/config/targets.ts'
import { parseOptions, UsageError } from './command-line.ts'
import { yesOption } from './confirm.ts'
import { runIfStarted, runOnDatabase, type Output } from './database-command.ts'

const usage = `usage: npm run admin -- list | grant EMAIL | revoke EMAIL
  list          the system admins, the eldest account first
  grant EMAIL   makes the account with this address a system admin
  revoke EMAIL  makes it a user again
  -y, --yes     write to the default, where no setting names the database
The account must have registered. A change holds in every process with the next request, and is in the
audit log. The last system admin can be revoked as well: grant makes another.
Exit codes: 0 done, 1 failed, 2 wrong usage, or not told where to write.`

const timeoutMs = 10_000
/** More than anybody reads; so many are shown. */
const shownMax = 1_000

type Request =
  | { readonly kind: 'list' }
  | {
      readonly kind: 'grant' | 'revoke'
      readonly email: string
      /** Also where no setting says where. */
      readonly isConfirmed: boolean
    }

/** Throws UsageError. */
const parseRequest = (args: readonly string[]): Request => {
  const { values, positionals } = parseOptions(args, yesOption, { allowPositionals: true })
  const [kind, given, ...rest] = positionals
  if (rest.length > 0) throw new UsageError(`"${rest.join(' ')}" is too much`)
  switch (kind) {
    case 'list':
      if (given !== undefined) throw new UsageError('list takes no address')
      return { kind }
    case 'grant':
    case 'revoke': {
      const email = normaliseEmail(given ?? '')
      if (email === undefined) throw new UsageError(`${kind} takes the address of an account`)
      return { kind, email, isConfirmed: values.yes ?? false }
    }
    default:
      throw new UsageError(kind === undefined ? 'give a command' : `"${kind}" is not a command`)
  }
}

/** Returns the exit code. */
export const admin = (
  args: readonly string[],
  readSettings: () => Config,
  output: Output,
): Promise<number> =>
  runOnDatabase(
    {
      usage,
      parse: parseRequest,
      run(request, _config, databases) {
        const pool = databases.pool('todos', { timeoutMs })
        return run(createPostgresAdministration(pool, appendAudit), request, output)
      },
      explain: ({ message }) =>
        `the database does not answer (${message}): check DATABASE_URL, and npm run migrate`,
    },
    args,
    readSettings,
    output,
  )

const run = async (
  administration: Administration,
  request: Request,
  { out, err }: Output,
): Promise<number> => {
  if (request.kind === 'list') {
    const admins = await administration.systemAdmins(shownMax)
    for (const { email, id, disabled_at } of admins)
      out(`${email}  ${id}${disabled_at ? '  (disabled)' : ''}`)
    out(admins.length === 1 ? '1 system admin' : `${admins.length} system admins`)
    return 0
  }
  const { kind, email } = request
  const account = await administration.findByEmail(email)
  const by = { actorId: operatorId, requestId: `admin-${randomUUID()}` }
  const role = kind === 'grant' ? 'system-admin' : 'user'
  const change = account && (await administration.setRole(account.id, role, by))
  if (!change) {
    err(`${email} has no account: register it first (POST /auth/register)`)
    return 1
  }
  const now = kind === 'grant' ? 'a system admin' : 'no system admin'
  out(`${email} is ${now}${change.isChanged ? ' now' : ' already'}`)
  return 0
}

await runIfStarted(import.meta.filename, admin, (config, env) => [databaseTarget(config, env)])

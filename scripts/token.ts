// npm run token -- [--sub NAME] [--ttl 15m]: prints an access token signed with JWT_SECRET. When that
// is not set, the secret of `npm start` signs it.

import { readConfigOrExit } from '../lib/runtime/config/config.ts'
import { signToken } from '../lib/accounts/access-token.ts'
import { deletedUserId } from '../lib/domain/todo.ts'
import { parseOptions, readArgumentsOrExit, UsageError } from './command-line.ts'
import { readEmbeddedSecret } from './embedded-secret.ts'

const unitSec = { s: 1, m: 60, h: 3_600, d: 86_400 }

const parseTtlSec = (text: string): number | undefined => {
  const [, count, unit = 's'] = /^([1-9]\d{0,8})([smhd])?$/.exec(text) ?? []
  return count === undefined ? undefined : Number(count) * unitSec[unit as keyof typeof unitSec]
}

const usage = `usage: npm run token [-- --sub NAME] [--ttl SECONDS, or 15m, 8h, 30d]
Prints an access token for user NAME (demo) that is valid for so long (1h), signed with JWT_SECRET. Where
that is not set, the secret of npm start signs it.
Exit codes: 0 printed, 1 failed, 2 wrong usage.`

const parse = (args: readonly string[]) => {
  const { values } = parseOptions(args, { sub: { type: 'string' }, ttl: { type: 'string' } })
  const { sub = 'demo', ttl = '1h' } = values
  const ttlSec = parseTtlSec(ttl)
  if (sub === '') throw new UsageError('--sub is empty')
  if (sub === deletedUserId)
    throw new UsageError(`--sub is "${sub}": it stands for deleted accounts`)
  if (ttlSec === undefined) throw new UsageError(`--ttl is "${ttl}"`)
  return { sub, ttlSec }
}

const { sub, ttlSec } = readArgumentsOrExit(usage, parse)
const { JWT_SECRET, DATA_DIR } = readConfigOrExit('script')
const secret = JWT_SECRET ?? readEmbeddedSecret(DATA_DIR)
if (secret === undefined) {
  console.error(
    'JWT_SECRET is not set: set it to the secret that the server uses, or run npm start first',
  )
  process.exit(1)
}
console.log(signToken(secret, sub, ttlSec))

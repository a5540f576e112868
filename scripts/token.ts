// npm run token -- [--sub NAME] [--ttl 15m]: prints an access token signed with JWT_SECRET. When that
// is not set, the secret of `npm start` signs it.

import { parseArgs } from 'node:util'
import { readConfigOrExit } from '../lib/runtime/config/config.ts'
import { signToken } from '../lib/accounts/access-token.ts'
import { readEmbeddedSecret } from './embedded-secret.ts'

const unitSec = { s: 1, m: 60, h: 3_600, d: 86_400 }

const parseTtlSec = (text: string): number | undefined => {
  const [, count, unit = 's'] = /^([1-9]\d{0,8})([smhd])?$/.exec(text) ?? []
  return count === undefined ? undefined : Number(count) * unitSec[unit as keyof typeof unitSec]
}

const usage = (): never => {
  console.error('usage: npm run token -- [--sub NAME] [--ttl SECONDS, or 15m, 8h, 30d]')
  process.exit(1)
}

const readOptions = () => {
  try {
    const options = {
      sub: { type: 'string', default: 'demo' },
      ttl: { type: 'string', default: '1h' },
    }
    return parseArgs({ options: options as { sub: { type: 'string' }; ttl: { type: 'string' } } })
      .values
  } catch {
    return usage()
  }
}

const { sub, ttl } = readOptions()
const ttlSec = parseTtlSec(ttl ?? '')
if (!sub || ttlSec === undefined) usage()
const { JWT_SECRET, DATA_DIR } = readConfigOrExit('script')
const secret = JWT_SECRET ?? readEmbeddedSecret(DATA_DIR)
if (secret === undefined) {
  console.error(
    'JWT_SECRET is not set: set it to the secret that the server uses, or run npm start first',
  )
  process.exit(1)
}
console.log(signToken(secret, sub as string, ttlSec as number))

// What a TLS connection to Redis trusts, and shows of itself: the files that settings name, read once. A
// certificate that is replaced needs a restart.

import { readFileSync } from 'node:fs'
import type { Config } from '../../runtime/config/config.ts'

/** Without a `ca`, those that Node.js trusts. */
export type RedisTls = { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer }

export const redisTls = (
  config: Pick<Config, 'REDIS_CA_FILE' | 'REDIS_CERT_FILE' | 'REDIS_KEY_FILE'>,
): RedisTls => ({
  ...(config.REDIS_CA_FILE && { ca: readFileSync(config.REDIS_CA_FILE) }),
  ...(config.REDIS_CERT_FILE && { cert: readFileSync(config.REDIS_CERT_FILE) }),
  ...(config.REDIS_KEY_FILE && { key: readFileSync(config.REDIS_KEY_FILE) }),
})

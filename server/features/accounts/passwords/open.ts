// Passwords by configuration, hashed in a thread.

import type { PasswordRules } from '../../../../lib/domain/credentials.ts'
import type { Config } from '../../../../lib/runtime/config/config.ts'
import { createPasswords, type Passwords } from './passwords.ts'
import { createThreadHasher } from './thread-hasher.ts'

export const openPasswords = (config: Config): Passwords =>
  createPasswords(
    {
      cost: config.AUTH_BCRYPT_COST,
      queueMax: config.AUTH_PASSWORD_QUEUE_MAX,
      waitMaxMs: config.AUTH_PASSWORD_WAIT_MAX_MS,
    },
    createThreadHasher(),
  )

export const passwordRulesOf = (config: Config): PasswordRules => ({
  bytesMin: config.AUTH_PASSWORD_BYTES_MIN,
  bytesMax: config.AUTH_PASSWORD_BYTES_MAX,
  refusesCommon: config.AUTH_PASSWORD_COMMON === 'refused',
})

// Passwords by configuration, hashed in a thread.

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

// Settings that tests start from, for parts that take the whole table.

import { readConfig, type Config } from '../lib/runtime/config/config.ts'
import { createLog, type Log } from '../lib/runtime/log.ts'

export const silentLog: Log = createLog('test', 'silent')
export const testSecret = 'a secret that only tests know, 32+ bytes'

/**
 * Settings for tests that are not about being late. A loaded machine takes seconds for what usually
 * takes milliseconds, and a write refused for that is not a finding.
 */
export const generousTimeouts = {
  PUBLISH_WAIT_MAX_MS: '30000',
  PUBLISH_TIMEOUT_MS: '30000',
  LIST_REFRESH_TIMEOUT_MS: '30000',
} as const

/** Settings as a server would have them, for parts that take the whole table. */
export const testConfig = (settings: Readonly<Record<string, string>>): Config =>
  readConfig(
    {
      JWT_SECRET: testSecret,
      LOG_LEVEL: 'silent',
      LIMIT_WRITE_BURST: '0',
      LIMIT_READ_BURST: '0',
      ...generousTimeouts,
      ...settings,
    },
    'server',
  )

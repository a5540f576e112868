// Redis: whether it answers as a master, which it is, and whether this user may do what lists need. Of
// Sentinels and of a cluster: which masters they name.

import type { Config } from '../../lib/runtime/config/config.ts'
import { parseRedisUrl } from '../../lib/runtime/config/redis-url.ts'
import { createLog } from '../../lib/runtime/log.ts'
import { openRedis } from '../../lib/drivers/redis/connections.ts'
import { addressOf } from '../../lib/drivers/redis/masters.ts'
import { redisTls } from '../../lib/drivers/redis/tls.ts'
import { dependencyTimeoutMs, fault, ok, warn, type Finding } from './finding.ts'

/** The first with client-side caching. */
const majorMin = 6
const key = '{todos}:doctor'

export const checkRedis = async (config: Config): Promise<readonly Finding[]> => {
  const { hosts, found } = parseRedisUrl(config.REDIS_URL)
  const scheme = found.by === 'address' ? 'redis' : `redis+${found.by}`
  const where = `${scheme}://${hosts.map(addressOf).join()}`
  const connections = openRedis(config.REDIS_URL, createLog('doctor', 'silent'), redisTls(config))
  const { run } = connections.follow(key, { timeoutMs: dependencyTimeoutMs })
  try {
    await run((one) => one.ping())
    const info = await run((one) => one.info()).catch(() => '')
    const version = /^redis_version:(\S+)/m.exec(info)?.[1]
    const isReplica = /^role:slave/m.test(info)
    const refused: string[] = []
    // In the order in which a list is kept; what is written is gone in a second.
    for (const [name, ...args] of [
      ['SET', key, '1', 'PX', '1000'],
      ['GET', key],
      ['EVAL', 'return 1', '1', key],
      ['PUBLISH', key, ''],
      ['DEL', key],
    ] as const) {
      await run((one) => one.call(name, ...args)).catch((error: Error) =>
        refused.push(`${name} (${error.message.split(' ')[0]})`),
      )
    }
    const masters = [...connections.masters().keys()]
    return [
      isReplica
        ? fault('redis', `${where} is a replica`, 'set REDIS_URL to the master')
        : ok('redis', `${where} answers`),
      ...(found.by !== 'address' ? [ok('redis', `masters: ${masters.join(', ')}`)] : []),
      version === undefined
        ? warn('redis', 'it does not report its version', 'allow this user INFO')
        : Number(version.split('.')[0]) >= majorMin
          ? ok('redis', `version ${version}`)
          : fault('redis', `version ${version} is too old`, `use ${majorMin} or later`),
      refused.length === 0
        ? ok('redis', 'this user may read, write, run scripts and publish')
        : fault(
            'redis',
            `it refuses ${refused.join(', ')}`,
            'give the user of REDIS_URL these rights (ACL SETUSER), or free its memory',
          ),
    ]
  } catch (error) {
    // The driver's words, which name what to set where that is known.
    const reason = `${where} does not answer (${(error as Error).message})`
    return [fault('redis', reason, 'start it, or set REDIS_URL')]
  } finally {
    connections.close()
  }
}

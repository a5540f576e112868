// The command log in Kafka: whether brokers answer, and whether the topic is there and readable.

import type { Config } from '../../lib/runtime/config/config.ts'
import { withTimeout } from '../../lib/runtime/deadline.ts'
import { createLog } from '../../lib/runtime/log.ts'
import { findMissingReplicas, openProbe, readRanges } from '../../lib/command-log/open.ts'
import { openDatabases } from '../../lib/drivers/postgres/databases.ts'
import { postgresUrls } from '../../lib/drivers/postgres/urls.ts'
import { dependencyTimeoutMs, fault, ok, warn, type Finding } from './finding.ts'

export const checkKafka = async (config: Config): Promise<readonly Finding[]> => {
  const silentLog = createLog('doctor', 'silent')
  const databases = openDatabases(postgresUrls(config))
  const probe = openProbe(config, databases, silentLog)
  const { KAFKA_BROKERS: brokers, KAFKA_TODO_TOPIC: topic } = config
  try {
    const found = await withTimeout(dependencyTimeoutMs, () => probe.find())
    const answers = ok('kafka', `${brokers} answers`)
    if (!found) {
      const advice = 'the first start of the server creates it, if the user may'
      return [answers, warn('kafka', `there is no topic ${topic}`, advice)]
    }
    const ranges = await withTimeout(dependencyTimeoutMs, () =>
      readRanges(config, databases, silentLog),
    )
    const missing = await withTimeout(dependencyTimeoutMs, () =>
      findMissingReplicas(config, silentLog),
    )
    return [
      answers,
      ...(missing ? [warn('kafka', missing.found, missing.advice)] : []),
      ranges.size > 0
        ? ok('kafka', `topic ${topic} has ${found.partitions} partitions, and may be read`)
        : fault('kafka', `topic ${topic} can't be read`, 'allow the user Read and Describe'),
    ]
  } catch (error) {
    const found = `${brokers} does not answer for ${topic} (${(error as Error).message})`
    return [fault('kafka', found, 'start it, set KAFKA_BROKERS, or allow the user Describe')]
  } finally {
    await probe.close()
    await databases.close()
  }
}

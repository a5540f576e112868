// Postgres, Redis and a broker of Kafka outside the zones: reached by the nodes at the bridge's address.

import type { Test } from 'tap'
import { migrate } from '../../../lib/drivers/postgres/migrate.ts'
import { migrationsDirectory } from '../../../scripts/paths.ts'
import { startKafka } from '../../../scripts/stack/kafka.ts'
import { startPostgres } from '../../../scripts/stack/postgres.ts'
import { freePort, loopback } from '../../../scripts/stack/ports.ts'
import { startRedis } from '../../../scripts/stack/redis.ts'
import { testDirectory } from '../../services.ts'
import { outside } from './network.ts'

/** Pods that leave and those that come, side by side. */
const maxConnections = 600

export const startStores = async (t: Test) => {
  const { address } = outside
  const postgres = await startPostgres({
    directory: await testDirectory(t),
    durable: false,
    maxConnections,
    network: outside,
  })
  t.teardown(() => postgres.stop())
  await migrate(postgres.url, migrationsDirectory)
  const redis = await startRedis({
    directory: await testDirectory(t),
    settings: { bind: `${loopback} ${address}`, 'protected-mode': 'no' },
  })
  t.teardown(() => redis.stop())
  const [port, controllerPort] = [await freePort(), await freePort()]
  const kafka = await startKafka({
    directory: await testDirectory(t),
    port,
    settings: {
      'controller.quorum.voters': `1@${loopback}:${controllerPort}`,
      listeners: `PLAINTEXT://0.0.0.0:${port},CONTROLLER://${loopback}:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://${address}:${port}`,
    },
  })
  t.teardown(() => kafka.stop())
  return {
    databaseUrl: postgres.url,
    brokers: kafka.url,
    /** For a pod. */
    settings: {
      DATABASE_URL: postgres.url.replace(loopback, address),
      REDIS_URL: redis.url.replace(loopback, address),
      KAFKA_BROKERS: `${address}:${port}`,
    },
  }
}

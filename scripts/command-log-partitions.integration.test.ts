// The wait before commands are spread over more partitions: for what is published as late as it may be.

import t from 'tap'
import { databasesOf } from '../testing/databases.ts'
import { createPool } from '../lib/drivers/postgres/pool.ts'
import { openGate } from '../lib/command-log/command-log.ts'
import { ensureCommandLog, openPublisher } from '../lib/command-log/open.ts'
import { settleLog } from '../lib/command-log/settle.ts'
import { believedForMs } from '../lib/domain/log-identity.ts'
import type { BatchOutcome } from '../lib/runtime/micro-batch.ts'
import { openCommandLogs } from '../lib/todo-store/command-logs.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { widen } from './command-log-partitions.ts'
import { silentLog, testConfig } from '../testing/settings.ts'
import { testDatabase, testTopic } from '../testing/services.ts'

t.test('a command that is published between two reads is waited for', async (t) => {
  const url = await testDatabase(t)
  const name = testTopic()
  const config = testConfig({
    COMMAND_LOG: 'postgres',
    DATABASE_URL: url,
    KAFKA_TODO_TOPIC: name,
    KAFKA_PARTITIONS: '1',
    PUBLISH_TIMEOUT_MS: '2000',
  })
  const publisher = openPublisher(
    config,
    databasesOf(config),
    openGate(await ensureCommandLog(config, databasesOf(config), silentLog)),
    silentLog,
  )
  const store = createPostgresStore(createPool({ url, poolSize: 1, timeoutMs: 10_000 }))
  await settleLog(config, databasesOf(config), store, silentLog)
  const logs = openCommandLogs(createPool({ url, poolSize: 1, timeoutMs: 10_000 }))
  t.teardown(async () => {
    await publisher.close()
    await store.close()
    await logs.end()
  })
  /** Servers may publish until then; the command waits a second longer. */
  let lastPublishMs = Infinity
  let outcome: BatchOutcome | undefined
  const slow: typeof logs = {
    ...logs,
    async close(...args) {
      const lease = await logs.close(...args)
      lastPublishMs = performance.now() + believedForMs + config.PUBLISH_TIMEOUT_MS - 500
      return lease
    },
    /** Asked after the ends: they are without this command, and the answer takes its time. */
    async nextOffsets(log) {
      if (!outcome && performance.now() > lastPublishMs - 6_000) {
        outcome = await publisher.publish({
          kind: 'delete',
          commandId: 'late',
          todoId: 'late',
          userId: 'ann',
          atMs: 1,
        })
        const isTooLateMs = lastPublishMs + 2_000
        await new Promise((resolve) => setTimeout(resolve, isTooLateMs - performance.now()))
      }
      return logs.nextOffsets(log)
    },
  }
  await t.rejects(
    widen(config, databasesOf(config), slow, { count: 2, timeoutMs: 1_000 }, () => {}),
    { message: '1 commands are not applied yet: start a worker, then try again' },
  )
  t.match(outcome, { kind: 'acknowledged' })
  t.match(await logs.registered(name), { partitions: 1, isClosed: false })
})

// Chooses the command log's driver by configuration: one place, used by server and worker.

import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { PoolUse } from '../pool-use.ts'
import { postgresUrls } from '../postgres-urls.ts'
import type { CommandConsumer, CommandPublisher } from './command-log.ts'
import { createKafkaConsumer } from './kafka/consumer.ts'
import { createKafkaPublisher } from './kafka/publisher.ts'
import { ensureTopic, readTopicEnds } from './kafka/topic.ts'
import {
  createPostgresConsumer,
  createPostgresPublisher,
  ensureLog,
  readLogEnds,
} from './postgres.ts'

const readTimeoutMs = 10_000
const ensureTimeoutMs = 10_000

/** Makes the log unless it is there; returns how many partitions it has. Rejects when it is away. */
export const ensureCommandLog = (config: Config, log: Log): Promise<number> =>
  config.COMMAND_LOG === 'kafka'
    ? ensureTopic(
        {
          brokers: config.KAFKA_BROKERS,
          topic: config.KAFKA_TODO_TOPIC,
          partitions: config.KAFKA_PARTITIONS,
          replicationFactor: config.KAFKA_REPLICATION_FACTOR,
        },
        log,
        ensureTimeoutMs,
      )
    : ensureLog({
        ...postgresUrls(config),
        log: config.KAFKA_TODO_TOPIC,
        partitions: config.KAFKA_PARTITIONS,
      })

/**
 * The offset that each partition will give to its next record; empty when there is no such log.
 * Rejects when it is away. Read what is applied before this, and nothing is ahead of the log.
 */
export const readEnds = (config: Config, log: Log): Promise<Map<number, number>> =>
  config.COMMAND_LOG === 'kafka'
    ? readTopicEnds(
        { brokers: config.KAFKA_BROKERS, topic: config.KAFKA_TODO_TOPIC },
        log,
        readTimeoutMs,
      )
    : readLogEnds({ ...postgresUrls(config), log: config.KAFKA_TODO_TOPIC }, readTimeoutMs)

/** `use`: of its connections to Postgres, where they are those. */
export const openPublisher = (
  config: Config,
  partitions: number,
  log: Log,
  use?: PoolUse,
): CommandPublisher => {
  const bounds = {
    queueMax: config.PUBLISH_QUEUE_MAX,
    waitMaxMs: config.PUBLISH_WAIT_MAX_MS,
    timeoutMs: config.PUBLISH_TIMEOUT_MS,
  }
  return config.COMMAND_LOG === 'kafka'
    ? createKafkaPublisher(
        { brokers: config.KAFKA_BROKERS, topic: config.KAFKA_TODO_TOPIC, ...bounds },
        log,
      )
    : createPostgresPublisher({
        ...postgresUrls(config),
        log: config.KAFKA_TODO_TOPIC,
        partitions,
        logger: log,
        ...bounds,
        ...(use && { use }),
      })
}

export const openConsumer = (config: Config, log: Log): CommandConsumer =>
  config.COMMAND_LOG === 'kafka'
    ? createKafkaConsumer(
        {
          brokers: config.KAFKA_BROKERS,
          topic: config.KAFKA_TODO_TOPIC,
          groupId: `${config.KAFKA_TODO_TOPIC}-worker`,
          partitionsAtOnce: config.WORKER_POOL_SIZE,
        },
        log,
      )
    : createPostgresConsumer(
        {
          ...postgresUrls(config),
          log: config.KAFKA_TODO_TOPIC,
          partitionsAtOnce: config.WORKER_POOL_SIZE,
        },
        log,
      )

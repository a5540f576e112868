// Settings: where commands are logged.

import { oneOf, wholeNumber, type Setting } from './table.ts'

/** The address of the second form is in its brackets. */
const broker = /^([^\s,:[\]]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/

export const kafkaSettings = {
  COMMAND_LOG: oneOf({
    default: 'kafka',
    choices: ['kafka', 'postgres'],
    meaning: 'Where commands are published: Kafka, or a table in Postgres.',
  }),
  KAFKA_BROKERS: {
    default: 'localhost:9092',
    unit: 'host:port,…',
    meaning: 'Kafka bootstrap brokers.',
    parse(text: string) {
      if (!text.split(',').every((one) => broker.test(one))) {
        throw new Error('host:port, comma separated; an IPv6 address in brackets: [::1]:9092')
      }
      return text
    },
  },
  KAFKA_TODO_TOPIC: {
    default: 'todo-commands',
    unit: 'topic',
    meaning: 'Topic of the commands (or the name of the log in Postgres).',
    parse(text: string) {
      if (!/^[A-Za-z0-9._-]{1,200}$/.test(text)) throw new Error('letters, digits, dot, _ and -')
      return text
    },
  },
  KAFKA_PARTITIONS: wholeNumber({
    default: 6,
    min: 1,
    max: 1000,
    unit: 'partitions',
    meaning:
      'Partitions of the topic when it is made: the most batches that can be applied at once. An existing topic keeps its own.',
  }),
  KAFKA_REPLICATION_FACTOR: wholeNumber({
    default: 1,
    min: 1,
    max: 10,
    unit: 'replicas',
    meaning: 'Replication factor of the topic when it is made; 3 on a cluster of three or more.',
  }),
  KAFKA_MIN_INSYNC_REPLICAS: wholeNumber({
    default: 1,
    min: 1,
    max: 10,
    unit: 'replicas',
    meaning:
      'Replicas that must have a command before it is acknowledged (`min.insync.replicas` of the topic when it is made); with fewer in sync, writes get a 503. 2 where the replication factor is 3. With 1 the default of the brokers counts.',
  }),
} as const satisfies Record<string, Setting<string | number>>

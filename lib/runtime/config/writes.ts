// Settings: how long a write may wait for the command log.

import { oneOf, wholeNumber, type Setting } from './table.ts'

export const writeSettings = {
  PUBLISH_QUEUE_MAX: wholeNumber({
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'commands',
    meaning:
      'Commands that may wait for an acknowledgement in one process; more, and more than 32 MB of them, get a 503 at once. In a Kafka cluster, partitions of different brokers have a queue each, with an equal share.',
  }),
  PUBLISH_WAIT_MAX_MS: wholeNumber({
    default: 1_000,
    min: 10,
    max: 60_000,
    unit: 'ms',
    meaning:
      'How long a command may wait for its turn to be sent, or for those before it to be acknowledged, before it gets a 503.',
  }),
  PUBLISH_TIMEOUT_MS: wholeNumber({
    default: 5_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    meaning:
      'How long a publish may go without an acknowledgement before it is answered with a 503.',
  }),
  WRITE_IF_MATCH: oneOf({
    default: 'optional',
    choices: ['optional', 'required'],
    meaning:
      'Whether changing or deleting a todo needs `If-Match`. `required`: without it, and so without an answer that is waited for, it is a 428.',
  }),
} as const satisfies Record<string, Setting<string | number>>

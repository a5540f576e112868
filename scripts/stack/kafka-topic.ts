// A topic of a broker that we started: made, and counted. For benchmarks, whose peers bring no means of
// their own for that.

import { ensureTopic, readTopicRanges } from '../../lib/drivers/kafka/topic.ts'
import { createLog } from '../../lib/runtime/log.ts'

export type TopicAt = { readonly brokers: string; readonly topic: string }

const timeoutMs = 20_000
const silent = createLog('launcher', 'silent')

export const makeTopic = async (at: TopicAt, partitions: number): Promise<void> => {
  await ensureTopic({ ...at, partitions, replicationFactor: 1 }, silent, timeoutMs)
}

/** Records that were ever written to it. */
export const recordsIn = async (at: TopicAt): Promise<number> => {
  const ranges = await readTopicRanges(at, silent, timeoutMs)
  return [...ranges.values()].reduce((sum, { end }) => sum + end, 0)
}

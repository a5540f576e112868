// What a Sentinel says of its master. Its epoch rises with each failover.

import { slotCount } from './slot.ts'
import type { RedisConnection } from './connection.ts'
import type { Placement } from './masters.ts'

export const askSentinel =
  (masterName: string) =>
  async (connection: RedisConnection): Promise<Placement> => {
    const reply = await connection.run((redis) => redis.call('SENTINEL', 'MASTER', masterName))
    const fields = new Map<string, string>()
    const flat = reply as readonly string[]
    for (let i = 0; i + 1 < flat.length; i += 2) fields.set(String(flat[i]), String(flat[i + 1]))
    const [host, port] = [fields.get('ip'), Number(fields.get('port'))]
    const epoch = Number(fields.get('config-epoch'))
    if (!host || !Number.isInteger(port) || !Number.isInteger(epoch)) {
      throw new Error(`a Sentinel does not say where its master is`)
    }
    const master = { host, port }
    // Those of the URL are asked: each of them lives on its own host, and keeps its name there.
    return { epoch, ranges: [{ first: 0, last: slotCount - 1, master }], others: [] }
  }

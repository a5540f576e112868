// A Redis that answers PING and is of no use, for tests. It refuses writes in each way, or fails over
// and leaves open connections with the old master.

import type { RestartableService } from './restartable.ts'
import { ask } from '../scripts/stack/ports.ts'

type Hurt = {
  readonly name: string
  begin(redis: RestartableService): Promise<void>
  end(redis: RestartableService): Promise<void>
}

const send = async (port: number, command: string): Promise<void> => {
  const answer = await ask(port, `${command}\r\n`)
  if (answer.startsWith('-')) throw new Error(`redis: ${command}: ${answer}`)
}

const refusal = (why: string, begin: string, end: string): Hurt => {
  return {
    name: `redis refuses writes, ${why}`,
    begin: (redis) => send(redis.directPort(), begin),
    end: (redis) => send(redis.directPort(), end),
  }
}

const pausedMsMax = 600_000 // UNPAUSE comes before

export const redisRefusals: readonly Hurt[] = [
  refusal('out of memory', 'CONFIG SET maxmemory 1', 'CONFIG SET maxmemory 0'),
  refusal(
    'too few replicas',
    'CONFIG SET min-replicas-to-write 1',
    'CONFIG SET min-replicas-to-write 0',
  ),
  refusal('no permission', 'ACL SETUSER default -@write', 'ACL SETUSER default +@all'),
  refusal('a replica', 'REPLICAOF 127.0.0.1 1', 'REPLICAOF NO ONE'),
  refusal('paused', `CLIENT PAUSE ${pausedMsMax} WRITE`, 'CLIENT UNPAUSE'),
]

/** New connections reach the new master; the old one goes on answering as its replica. */
export const failOverRedis = async (redis: RestartableService): Promise<void> => {
  const { oldPort, newPort } = await redis.failOver()
  await send(oldPort, `REPLICAOF 127.0.0.1 ${newPort}`)
}

const garbageScript =
  "for _, key in ipairs(redis.call('KEYS', '*todos*:version')) do redis.call('SET', key, 'abc') end"

export const spoilRedisVersion = (redis: RestartableService): Promise<void> =>
  send(redis.directPort(), `EVAL "${garbageScript}" 0`)

// The public list as several connections, over all server processes, read it when nothing changes any more.

import { Agent } from 'node:http'
import { eventually } from '../../eventually.ts'
import { exchange } from '../consistency/clients.ts'
import type { Listed } from '../consistency/evidence.ts'

const connections = 12
const freshTimeoutMs = 20_000

/** The last that was read, where one stays stale: the check says what is wrong with it. */
export const finalLists = async (port: number, todoCount: number): Promise<Listed[][]> => {
  const lists: Listed[][] = []
  for (let n = 0; n < connections; n++) {
    const agent = new Agent({ keepAlive: false })
    const read = async () => {
      const { text } = await exchange(agent, port, 'GET', '/todos')
      return JSON.parse(text) as Listed[]
    }
    const fresh = eventually(read, (list) => list.length === todoCount, freshTimeoutMs)
    lists.push(await fresh.catch(read))
    agent.destroy()
  }
  return lists
}

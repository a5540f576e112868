// A real etcd of one member, in which Patroni keeps who leads. One member is enough to try failovers of
// Postgres: in production there are three, or its loss makes every primary step down.

import { join } from 'node:path'
import { ask, freePort, loopback } from './ports.ts'
import { ServiceMissing, findProgram, startService, type Service } from './service.ts'

const startTimeoutMs = 10_000
const stopTimeoutMs = 5_000

export const findEtcd = (): string => {
  const command = findProgram('etcd')
  if (command !== undefined) return command
  throw new ServiceMissing('etcd', 'install etcd (apt-get install etcd-server, brew install etcd)')
}

export const startEtcd = async (options: {
  directory: string
  port?: number
}): Promise<Service> => {
  const command = findEtcd()
  const port = options.port ?? (await freePort())
  const peerUrl = `http://${loopback}:${await freePort()}`
  const url = `http://${loopback}:${port}`
  const settings = {
    name: 'one',
    'data-dir': join(options.directory, 'etcd-data'),
    'listen-client-urls': url,
    'advertise-client-urls': url,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': `one=${peerUrl}`,
  }
  return startService({
    name: 'etcd',
    url,
    port,
    directory: options.directory,
    command,
    args: Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
    answers: async () => {
      const reply = await ask(port, 'GET /health HTTP/1.0\r\n\r\n')
      if (!reply.startsWith('HTTP/1.0 200')) throw new Error(reply.split('\r\n')[0])
    },
    startTimeoutMs,
    stopSignal: 'SIGTERM',
    stopTimeoutMs,
  })
}

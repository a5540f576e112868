// The services of each stack, each behind its gate.

import { join } from 'node:path'
import { startRestartable, type RestartableService } from '../../restartable.ts'
import { startKafka } from '../../../scripts/stack/kafka.ts'
import { startPostgres } from '../../../scripts/stack/postgres.ts'
import { startRedis } from '../../../scripts/stack/redis.ts'

export type Stack = 'real' | 'embedded'
export type ServiceName = 'postgres' | 'redis' | 'kafka'
export type Services = ReadonlyMap<ServiceName, RestartableService>

const names: Readonly<Record<Stack, readonly ServiceName[]>> = {
  real: ['postgres', 'redis', 'kafka'],
  embedded: ['postgres'],
}

const starts = {
  postgres: (place: { directory: string; port: number }) =>
    startPostgres({ ...place, durable: false }),
  redis: startRedis,
  kafka: startKafka,
}

export const startServices = async (stack: Stack, directory: string): Promise<Services> => {
  const services = new Map<ServiceName, RestartableService>()
  try {
    for (const name of names[stack]) {
      services.set(name, await startRestartable(starts[name], join(directory, name)))
    }
  } catch (error) {
    await stopServices(services)
    throw error
  }
  return services
}

export const stopServices = async (services: Services): Promise<void> => {
  for (const one of services.values()) await one.stop()
}

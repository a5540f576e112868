// A service of a test's own behind a gate. It can be stopped and started again on the same port and
// directory, frozen, silenced, and failed over. Clients know it by one address.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startGate, type Gate } from './gate.ts'
import { freePort } from '../scripts/stack/ports.ts'
import type { Service } from '../scripts/stack/service.ts'
import { testDirectory } from './services.ts'

type Start = (options: {
  directory: string
  port: number
  /** The gate's: the port that a broker advertises. */
  advertisedPort: number
}) => Promise<Service>

export type RestartableService = {
  readonly gate: Gate
  /** For clients: through the gate. */
  readonly url: string
  /** For an operator: past the gate, whatever happens to it. */
  directUrl(): string
  directPort(): number
  takeAway(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  giveBack(): Promise<void>
  /** Of one that was taken away: it comes back with nothing. */
  loseData(): Promise<void>
  freeze(): void
  thaw(): void
  /** Another one for new connections, by its port; the old one lives on for those that it has. */
  failOver(): Promise<{ readonly oldPort: number; readonly newPort: number }>
  stop(): Promise<void>
}

export const restartable = async (t: Test, start: Start): Promise<RestartableService> => {
  const service = await startRestartable(start, await testDirectory(t))
  t.teardown(() => service.stop())
  return service
}

export const startRestartable = async (
  start: Start,
  directory: string,
): Promise<RestartableService> => {
  const gate = await startGate()
  let made = 0
  const newPlace = async () => {
    return {
      directory: join(directory, String(made++)),
      port: await freePort(),
      advertisedPort: gate.port,
    }
  }
  let place = await newPlace()
  // Before it starts: a broker is asked by its own address, the gate's, whether it is ready.
  gate.leadTo(place.port)
  let service = await start(place).catch(async (error: unknown) => {
    await gate.shut()
    throw error
  })
  const replaced: Service[] = []
  const stopReplaced = async () => {
    for (const one of replaced.splice(0)) await one.stop()
  }
  return {
    gate,
    url: service.url.replace(`:${place.port}`, `:${gate.port}`),
    directUrl: () => service.url,
    directPort: () => place.port,
    async takeAway(signal = 'SIGKILL') {
      await gate.shut()
      if (signal === 'SIGTERM') await service.stop()
      else service.kill(signal)
      await service.exited
    },
    async giveBack() {
      await gate.open()
      service = await start(place)
    },
    loseData: () => rm(place.directory, { recursive: true }),
    freeze: () => service.kill('SIGSTOP'),
    thaw: () => service.kill('SIGCONT'),
    async failOver() {
      await stopReplaced()
      const oldPort = place.port
      replaced.push(service)
      place = await newPlace()
      service = await start(place)
      gate.leadTo(place.port)
      return { oldPort, newPort: place.port }
    },
    async stop() {
      await gate.shut()
      await stopReplaced()
      await service.stop()
    },
  }
}

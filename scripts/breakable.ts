// A service of a test's own that can be taken away and given back, on the same port and directory.

import type { Test } from 'tap'
import type { Service } from './services/service.ts'
import { testDirectory } from './testing.ts'

type Start = (options: { directory: string; port?: number }) => Promise<Service>

export const breakable = async (t: Test, start: Start) => {
  const directory = await testDirectory(t)
  let service = await start({ directory })
  t.teardown(() => service.stop())
  return {
    url: service.url,
    async takeAway() {
      service.kill('SIGKILL')
      await service.exited
    },
    async giveBack() {
      service = await start({ directory, port: service.port })
    },
    freeze: () => service.kill('SIGSTOP'),
    thaw: () => service.kill('SIGCONT'),
  }
}

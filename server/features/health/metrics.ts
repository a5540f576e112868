// What this process depends on, as /ready sees it: asked when a scrape comes, so that alerts need no
// probes.

import { Gauge, type Registry } from '@prometheus-io/client'
import type { Dependency } from '../../../lib/runtime/parts.ts'
import { checkAll, failureKinds } from './health.ts'

export const addDependencyMetrics = (
  registry: Registry,
  dependencies: readonly Dependency[],
): void => {
  const names = [...new Set(dependencies.map(({ name }) => name))]
  new Gauge({
    name: 'todos_dependency_failing_processes',
    help: 'Server processes whose check of a dependency fails, by its kind: timeout, connection or other. /ready has the text.',
    labelNames: ['dependency', 'reason'],
    registers: [registry],
    async collect() {
      const { failures } = await checkAll(dependencies)
      this.reset()
      for (const dependency of names)
        for (const reason of failureKinds)
          this.set({ dependency, reason }, failures[dependency] === reason ? 1 : 0)
    },
  })
}

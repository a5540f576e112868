// What one set of manifests has otherwise than another, and what stands where in one of them.

import type { Fields, Manifest, Value } from './render.ts'
import { found } from './workloads.ts'

export const nameOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`

/** What one has and the other has not, or has otherwise. */
export const changes = (of: readonly Manifest[], from: readonly Manifest[]): string[] => {
  const texts = (all: readonly Manifest[]) =>
    new Map(all.map((one) => [nameOf(one), JSON.stringify(one)]))
  const [before, after] = [texts(from), texts(of)]
  const names = [...new Set([...before.keys(), ...after.keys()])]
  return names.filter((name) => before.get(name) !== after.get(name)).sort()
}

/** `at('spec.rules.0', manifest)` */
export const at = (path: string, from: Value): Value =>
  path
    .split('.')
    .reduce<Value>(
      (one, name) =>
        Array.isArray(one)
          ? found((one as readonly Value[])[Number(name)], path)
          : found((one as Fields)[name], path),
      from,
    )

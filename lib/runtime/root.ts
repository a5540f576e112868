// Where the program lies: what is no source, and is needed all the same, is found from here.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder of the nearest package.json above: of the sources, or of what was compiled to dist/. */
const rootAbove = (directory: string): string | undefined => {
  if (existsSync(join(directory, 'package.json'))) return directory
  const above = dirname(directory)
  return above === directory ? undefined : rootAbove(above)
}

export const root = rootAbove(import.meta.dirname)

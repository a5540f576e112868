// A directory that services may keep their data in for as long as one program runs.

import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Open to the user that Postgres runs as when we are root; mkdtemp's own mode is not. */
export const makeTemporaryDirectory = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'todos-test-'))
  await chmod(directory, 0o755)
  return directory
}

// A folder that looks like a clone to a reader's shell: what a page has it write stays out of the clone.

import { mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'

/** Of a clone's own runs: its data is not the reader's. */
const notLinked = ['.data', '.env', '.tap']

export const createWorkspace = async (root: string, directory: string): Promise<string> => {
  await mkdir(directory)
  for (const name of await readdir(root)) {
    if (!notLinked.includes(name)) await symlink(join(root, name), join(directory, name))
  }
  return directory
}

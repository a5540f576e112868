// Prometheus's own opinion of what we export and alert on: `promtool`, as an operator would run it.

import { spawn } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ServiceMissing, findProgram } from '../scripts/stack/service.ts'
import { makeTemporaryDirectory } from '../scripts/stack/temporary-directory.ts'

/** What `promtool check WHAT` says of `input`, '' when it has nothing against it. */
export const promtoolCheck = async (what: 'metrics' | 'rules', input: string): Promise<string> => {
  const command = findProgram('promtool')
  if (command === undefined) {
    throw new ServiceMissing(
      'promtool',
      'install it (.ci/run takes it from the package prometheus, brew install prometheus)',
    )
  }
  if (what === 'metrics') return run(command, ['check', what], input)
  // It reads rules from files only, and standard input is none here.
  const directory = await makeTemporaryDirectory()
  try {
    const file = join(directory, 'rules.yaml')
    await writeFile(file, input)
    return await run(command, ['check', what, file], '')
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const run = async (command: string, args: readonly string[], input: string): Promise<string> => {
  const child = spawn(command, args)
  child.stdin.end(input)
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
  const code = await exited
  return code === 0 ? '' : said + complained
}

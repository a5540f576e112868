// Prometheus's own opinion of what we export and alert on: `promtool`, as an operator would run it.

import { spawn } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ServiceMissing, findProgram } from '../scripts/stack/service.ts'
import { makeTemporaryDirectory } from '../scripts/stack/temporary-directory.ts'

/** What `promtool check WHAT` says of `input`, '' when it has nothing against it. */
export const promtoolCheck = async (what: 'metrics' | 'rules', input: string): Promise<string> =>
  what === 'metrics'
    ? run(promtool(), ['check', what], input)
    : // It reads rules from files only, and standard input is none here.
      inDirectory({ 'rules.yaml': input }, (directory) =>
        run(promtool(), ['check', what, join(directory, 'rules.yaml')], ''),
      )

/** What `promtool test rules` says of a test of `rules`, '' when they do what it expects. */
export const promtoolTest = async (rules: string, test: string): Promise<string> =>
  inDirectory({ 'rules.yaml': rules, 'test.yaml': test }, (directory) =>
    run(promtool(), ['test', 'rules', join(directory, 'test.yaml')], ''),
  )

const promtool = (): string => {
  const command = findProgram('promtool')
  if (command !== undefined) return command
  throw new ServiceMissing(
    'promtool',
    'install it (.ci/run takes it from the package prometheus, brew install prometheus)',
  )
}

const inDirectory = async (
  files: Readonly<Record<string, string>>,
  use: (directory: string) => Promise<string>,
): Promise<string> => {
  const directory = await makeTemporaryDirectory()
  try {
    for (const [name, content] of Object.entries(files))
      await writeFile(join(directory, name), content)
    return await use(directory)
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

// Prometheus's own opinion of what we export and alert on: `promtool`, as an operator would run it.

import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { ServiceMissing, findProgram } from '../scripts/stack/service.ts'

/** What `promtool check WHAT` says of `input`, '' when it has nothing against it. */
export const promtoolCheck = async (what: 'metrics' | 'rules', input: string): Promise<string> => {
  const command = findProgram('promtool')
  if (command === undefined) {
    throw new ServiceMissing(
      'promtool',
      'install it (.ci/run takes it from the package prometheus, brew install prometheus)',
    )
  }
  const child = spawn(command, ['check', what, ...(what === 'rules' ? ['/dev/stdin'] : [])])
  child.stdin.end(input)
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
  const code = await exited
  return what === 'metrics' || code !== 0 ? said + complained : ''
}

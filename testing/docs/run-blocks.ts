// The shell blocks of the pages that a test runs: what a reader pastes must do what the page says.
// Those of one page run in one shell, one after the other, as a reader would paste them.

import { spawn } from 'node:child_process'
import type { Fence } from './markdown.ts'

/**
 * `sh run` needs nothing that is running. `sh run=start` needs `npm start` beside it: `$URL`, `$GRPC` and
 * `$TOKEN` are set, and the settings of its Postgres. `sh run=exit-3` is one command that ends with this code.
 */
const runInfo = /^sh run(?:=start|=exit-(\d))?$/

export const isRun = ({ info }: Fence): boolean => runInfo.test(info)

/** A file that the page says to save: `js client.mjs`. */
const savedInfo = /^\w+ (\w[\w-]*\.\w+)$/

export const savedFile = ({ info }: Fence): string | undefined => savedInfo.exec(info)?.[1]

const marker = '@@ block of line '

const shellText = ({ info, line, text }: Fence): readonly string[] => {
  const code = runInfo.exec(info)?.[1]
  const commands =
    code === undefined ? [text] : [`code=0; ${text} || code=$?`, `test $code = ${code}`]
  return [`echo '${marker}${line}'`, ...commands]
}

/** Undefined, or the line of the block that failed and what it printed. */
export const runBlocks = async (
  file: string,
  blocks: readonly Fence[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<string | undefined> => {
  const script = ['set -euo pipefail', ...blocks.flatMap(shellText)]
  const shell = spawn('bash', ['-c', `${script.join('\n')}\n`], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [shell.stdout, shell.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()))
  const code = await new Promise<number | null>((resolve, reject) => {
    shell.once('error', reject)
    shell.once('close', resolve)
  })
  if (code === 0) return undefined
  const [line = '', ...printed] = (output.split(marker).at(-1) ?? '').split('\n')
  return `${file}:${line} ended with ${code}:\n${printed.join('\n')}`
}

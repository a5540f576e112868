// The shell blocks of the pages that a test runs: what a reader pastes must do what the page says.
// Those of one page run in one shell, one after the other, as a reader would paste them.

import { spawn } from 'node:child_process'
import type { Fence } from './markdown.ts'

/** Needs nothing that is running, or needs `npm start` beside it: `$URL` and `$TOKEN` are set. */
export const runInfos = ['sh run', 'sh run=start'] as const

export const isRun = ({ info }: Fence): boolean => runInfos.some((one) => one === info)

/** A fence that was meant to be run and would not be. */
export const isMisspelled = (fence: Fence): boolean => /\brun\b/.test(fence.info) && !isRun(fence)

const marker = '@@ block of line '

/** Undefined, or the line of the block that failed and what it printed. */
export const runBlocks = async (
  file: string,
  blocks: readonly Fence[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<string | undefined> => {
  const script = [
    'set -euo pipefail',
    ...blocks.flatMap(({ line, text }) => [`echo '${marker}${line}'`, text]),
  ]
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

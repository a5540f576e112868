// npm run bench:analyze FILE: the validity analysis of a result that is there already: one of ours,
// what autocannon --json wrote, or published figures (bench/published/).

import { readFileSync } from 'node:fs'
import { checksOfClaims, type Claims } from './analysis/claims.ts'
import { count } from './analysis/laws.ts'
import { recheck } from './analysis/recheck.ts'
import { readStored } from './analysis/stored-file.ts'
import { runProgram } from './command.ts'
import { checkLines, terminalReport } from './report/terminal.ts'
import type { Check } from './result.ts'

const usage = `usage: npm run bench:analyze -- FILE
  FILE   a JSON file of npm run bench, of autocannon --json, or of bench/published/
Exit codes: 0 valid, 1 failed, 2 usage, 3 INVALID.`

const analyze = (file: string): number => {
  const stored = readStored(file, bytesOf(file))
  if (stored.kind === 'result') {
    const result = recheck(stored.result)
    console.log(terminalReport(result, process.stdout.columns))
    return result.verdict === 'VALID' ? 0 : 3
  }
  const checks = checksOfClaims(stored.claims)
  console.log(reportOf(stored.claims, checks))
  return isValid(checks) ? 0 : 3
}

const bytesOf = (file: string): Uint8Array => {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new Error(`${file} can't be read: ${(error as NodeJS.ErrnoException).code}`, {
      cause: error,
    })
  }
}

const isValid = (checks: readonly Check[]) => !checks.some(({ verdict }) => verdict === 'fail')

const reportOf = (claims: Claims, checks: readonly Check[]): string => {
  const failed = checks.filter(({ verdict }) => verdict === 'fail')
  return [
    failed.length > 0 ? `INVALID: ${failed.map(({ name }) => name).join('; ')}` : 'VALID',
    '',
    claims.source,
    ...(claims.command === null ? [] : [claims.command]),
    `${count(claims.requestsAverage)} requests/s claimed, ${claims.connections} connections x ${claims.pipelining} in flight, ${claims.seconds} s`,
    '',
    ...checkLines(checks),
  ].join('\n')
}

const parse = (args: readonly string[]): string => {
  const [file, ...rest] = args
  if (file === undefined) throw new Error('name a file')
  const extra = file.startsWith('-') ? file : rest[0]
  if (extra !== undefined) throw new Error(`"${extra}": it takes one file, and no options`)
  return file
}

await runProgram({ usage, parse, main: (file) => Promise.resolve(analyze(file)) })

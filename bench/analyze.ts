// npm run bench:analyze FILE: the validity analysis of a result that is there already: one of ours,
// what autocannon --json wrote, or published figures (bench/published/).

import { readFileSync } from 'node:fs'
import { parseAutocannon } from './analysis/autocannon-file.ts'
import { checksOfClaims, parseClaims, type Claims } from './analysis/claims.ts'
import { count } from './analysis/laws.ts'
import { recheck } from './analysis/recheck.ts'
import { runProgram } from './command.ts'
import { checkLines, terminalReport } from './report/terminal.ts'
import { resultFormat, type Check, type Result } from './result.ts'

const usage = `npm run bench:analyze -- FILE
  FILE   a JSON file of npm run bench, of autocannon --json, or of bench/published/
Exit codes: 0 valid, 1 failed, 2 usage, 3 INVALID.`

const analyze = (file: string): number => {
  const json: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (typeof json !== 'object' || json === null) throw new Error(`${file} holds no object`)
  if ('format' in json && json.format === resultFormat) {
    const result = recheck(json as Result)
    console.log(terminalReport(result, process.stdout.columns))
    return result.verdict === 'VALID' ? 0 : 3
  }
  const claims = parseClaims(json) ?? parseAutocannon(json)
  if (!claims) throw new Error(`${file}: neither a result of ours, nor of autocannon, nor claims`)
  const checks = checksOfClaims(claims)
  console.log(reportOf(claims, checks))
  return isValid(checks) ? 0 : 3
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
  if (file.startsWith('-') || rest.length > 0) throw new Error('it takes one file, and no options')
  return file
}

await runProgram({ usage, parse, main: (file) => Promise.resolve(analyze(file)) })

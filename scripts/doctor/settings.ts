// All faults of the settings at once, and the settings to go on with: those that are right.

import { ConfigError, readConfig, type Config } from '../../lib/runtime/config/config.ts'
import { fault, ok, type Finding } from './finding.ts'

/** Each round takes out what is named; a relation of two may take one more. */
const roundsMax = 5

const faultsIn = (env: NodeJS.ProcessEnv): readonly string[] => {
  try {
    readConfig(env, 'server')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n')
  }
}

export const checkSettings = (
  env: NodeJS.ProcessEnv,
): { readonly findings: readonly Finding[]; readonly config: Config | undefined } => {
  const lines = faultsIn(env)
  const findings = lines.map((line) => {
    const [, found = line, advice = 'correct it'] = /^(.*?): (.*)$/.exec(line) ?? []
    return fault('settings', found, advice)
  })
  let rest = env
  for (let round = 0; round < roundsMax; round++) {
    try {
      const config = readConfig(rest, 'script')
      return {
        findings: findings.length > 0 ? findings : [ok('settings', 'all are valid')],
        config,
      }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      const wrong = new Set(error.message.match(/^[A-Z_]+/gm))
      rest = Object.fromEntries(Object.entries(rest).filter(([name]) => !wrong.has(name)))
    }
  }
  return { findings, config: undefined }
}

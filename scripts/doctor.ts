// npm run doctor: looks at settings, machine, ports and dependencies, and says what to do. It finds all
// that is wrong at once, where a start would name the first.

import { parseOptions, readArgumentsOrExit } from './command-line.ts'
import { findingLine, type Finding } from './doctor/finding.ts'
import { checkKafka } from './doctor/kafka.ts'
import { checkMachine, checkPorts, readMachine } from './doctor/machine.ts'
import { checkPostgres } from './doctor/postgres.ts'
import { checkRedis } from './doctor/redis.ts'
import { checkReplicas } from './doctor/replicas.ts'
import { checkSettings } from './doctor/settings.ts'
import { checkShards } from './doctor/shards.ts'

const usage = `usage: npm run doctor [-- --json]
Looks at settings, this machine, its ports, Postgres and its replicas, Redis and Kafka. Each line is ok, warn or fault, what
is, and what to do. It keeps nothing: what it writes to Redis to try its rights is gone in a second.
  --json   the same as JSON
Exit codes: 0 no fault, 1 a fault, 2 wrong usage.`

/** In order of area, however long each takes. */
export const examine = async (env: NodeJS.ProcessEnv): Promise<readonly Finding[]> => {
  const { findings, config } = checkSettings(env)
  if (!config) return findings
  const others = await Promise.all([
    checkPorts(config),
    checkPostgres(config, env),
    ...(config.DATABASE_SHARDS === '' ? [] : [checkShards(config)]),
    ...(config.DATABASE_REPLICA_URLS === '' ? [] : [checkReplicas(config)]),
    ...(config.LIST_CACHE === 'redis' ? [checkRedis(config)] : []),
    ...(config.COMMAND_LOG === 'kafka' ? [checkKafka(config)] : []),
  ])
  return [...findings, ...checkMachine(config, readMachine()), ...others.flat()]
}

if (process.argv[1] === import.meta.filename) {
  const { json } = readArgumentsOrExit(
    usage,
    (args) => parseOptions(args, { json: { type: 'boolean' } }).values,
  )
  const findings = await examine(process.env)
  const count = (level: string) => findings.filter((one) => one.level === level).length
  const isSound = count('fault') === 0
  if (json) console.log(JSON.stringify({ isSound, findings }, null, 2))
  else {
    for (const finding of findings) console.log(findingLine(finding))
    const counted = (many: number, noun: string) => `${many} ${noun}${many === 1 ? '' : 's'}`
    console.log(`\n${counted(count('fault'), 'fault')}, ${counted(count('warn'), 'warning')}`)
  }
  process.exit(isSound ? 0 : 1) // clients that are refused try again for a while
}

// This machine: Node, cores, file descriptors, and who listens on our ports.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { portOwnersOf } from '../../bench/port-owners.ts'
import type { Config } from '../../lib/runtime/config/config.ts'
import { nodeVersionFault } from '../../lib/runtime/node-version.ts'
import { isFree, loopback } from '../stack/ports.ts'
import { about } from '../../server/features/docs/about.ts'
import { fault, ok, warn, type Finding } from './finding.ts'

export type Machine = {
  readonly nodeVersion: string
  readonly cores: number
  /** `ulimit -n`; undefined where it is unlimited or not known. */
  readonly filesMax: number | undefined
  /** net.core.somaxconn, of Linux. */
  readonly backlogMax: number | undefined
}

export const readMachine = (): Machine => ({
  nodeVersion: process.versions.node,
  cores: availableParallelism(),
  filesMax: numberOr(() => execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })),
  backlogMax: numberOr(() => readFileSync('/proc/sys/net/core/somaxconn', 'utf8')),
})

const numberOr = (read: () => string): number | undefined => {
  try {
    const value = Number(read())
    return Number.isFinite(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Files, stores and the process's own, besides clients' connections. */
const filesBesides = 256

/** Pure. */
export const checkMachine = (config: Config, machine: Machine): Finding[] => {
  const { nodeVersion, cores, filesMax, backlogMax } = machine
  const tooOld = nodeVersionFault(nodeVersion)
  const findings: Finding[] = [
    tooOld === undefined
      ? ok('machine', `Node ${nodeVersion}`)
      : fault('machine', `Node ${nodeVersion} is too old`, 'start it with npm, or install 22.22'),
    config.HTTP_PROCESSES > cores
      ? warn(
          'machine',
          `HTTP_PROCESSES is ${config.HTTP_PROCESSES} on ${cores} cores`,
          `set it to ${cores} or less`,
        )
      : ok('machine', `${cores} cores for ${config.HTTP_PROCESSES} server processes`),
  ]
  const files = Math.ceil(config.HTTP_CONNECTIONS_MAX / config.HTTP_PROCESSES) + filesBesides
  if (filesMax !== undefined) {
    findings.push(
      filesMax < files
        ? warn(
            'machine',
            `a process may open ${filesMax} files, its share of HTTP_CONNECTIONS_MAX needs ${files}`,
            `raise it (ulimit -n ${files}), or set HTTP_CONNECTIONS_MAX lower`,
          )
        : ok('machine', `a process may open ${filesMax} files`),
    )
  }
  if (backlogMax !== undefined && backlogMax < config.HTTP_BACKLOG) {
    findings.push(
      warn(
        'machine',
        `the kernel caps HTTP_BACKLOG (${config.HTTP_BACKLOG}) at ${backlogMax}`,
        `sysctl net.core.somaxconn=${config.HTTP_BACKLOG}`,
      ),
    )
  }
  return findings
}

/** What a server or a worker of ours says at this port, and nobody else. */
const signs = {
  HTTP_PORT: { program: 'server', path: '/', text: `"name":${JSON.stringify(about.title)}` },
  METRICS_PORT: {
    program: 'server',
    path: '/metrics',
    text: 'todos_build_info{program="server"',
  },
  WORKER_METRICS_PORT: {
    program: 'worker',
    path: '/metrics',
    text: 'todos_build_info{program="worker"',
  },
} as const
/** Ours answers in milliseconds. What takes a connection and says nothing is not ours. */
const answerTimeoutMs = 1_000

const isOurs = async (name: keyof typeof signs, port: number): Promise<boolean> => {
  const { path, text } = signs[name]
  try {
    const response = await fetch(`http://${loopback}:${port}${path}`, {
      headers: { Accept: 'application/json' },
      signal: AbortSignal.timeout(answerTimeoutMs),
    })
    return (await response.text()).includes(text)
  } catch {
    return false
  }
}

export const checkPorts = async (config: Config): Promise<Finding[]> => {
  const findings: Finding[] = []
  for (const name of ['HTTP_PORT', 'METRICS_PORT', 'WORKER_METRICS_PORT'] as const) {
    const port = config[name]
    if (port === 'off' || port === 0) continue
    if (await isFree(port)) {
      findings.push(ok('ports', `${name} ${port} is free`))
      continue
    }
    if (await isOurs(name, port)) {
      findings.push(
        warn(
          'ports',
          `${name} ${port} is in use by a ${signs[name].program} that runs already`,
          `to start another, set ${name} to a free port`,
        ),
      )
      continue
    }
    const owners = await portOwnersOf(`http://${loopback}:${port}`)
    const by = owners.kind === 'here' ? `, by process ${owners.pids.join(', ')}` : ''
    findings.push(
      fault(
        'ports',
        `${name} ${port} is in use${by}`,
        `stop what listens there, or set ${name} to another`,
      ),
    )
  }
  return findings
}

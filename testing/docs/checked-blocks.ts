// The shell blocks that no test can run, and why. Each reason has its program in the block, and what the
// block names is held to what there is: settings, variables, files, services, workloads and ports.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path/posix'
import { pathToFileURL } from 'node:url'
import { parse } from 'yaml'
import { settings } from '../../lib/runtime/config/config.ts'
import { render } from '../k8s/render.ts'
import type { Fence } from './markdown.ts'
import { isRun } from './run-blocks.ts'
import { parseShell } from './shell.ts'

/** Why a block is not run, and a command that it must have for this to be so. */
export const reasons = {
  minutes: /^npm run (bench|test:)|^npm test/,
  stays: /^npm (start|run (-s )?(server|worker|services|dev:web))\b/,
  services: /^npm run (command-log|dead-letters|lag|backup|restore)\b/,
  docker: /^docker /,
  kubernetes: /^(kubectl|helm) /,
  grpcurl: /^grpcurl /,
  'postgres-tools': /^(pg_dump|pg_basebackup|pg_restore|psql) /,
  install: /^(npm ci|apt-get install|ulimit)\b/,
  'your-processes': /^kill /,
  'usual-ports': /localhost:\d+/,
  'your-values': undefined,
  'run-by-curl-test': /^curl /,
} as const satisfies Readonly<Record<string, RegExp | undefined>>

type Reason = keyof typeof reasons

/** What a reader knows and no setting says. */
const readersOwn = ['URL', 'GRPC', 'TOKEN', 'SERVER_PID', 'DATABASE_PID', 'MAINTENANCE_URL']

export const reasonOf = ({ info }: Fence): Reason | undefined => {
  const reason = /^sh check=([a-z-]+)$/.exec(info)?.[1]
  return Object.keys(reasons).find((one): one is Reason => one === reason)
}

const isShell = ({ info }: Fence): boolean => /^(sh|bash|shell|zsh|console)\b/.test(info)

/** A fence of shell that is neither run nor says why not. */
export const isUnmarked = (fence: Fence): boolean =>
  isShell(fence) && !isRun(fence) && reasonOf(fence) === undefined

const isSetting = (name: string): boolean =>
  name in settings || (name.endsWith('_FILE') && name.slice(0, -'_FILE'.length) in settings)

const secretKeys = (root: string): readonly string[] => {
  const secret = parse(readFileSync(join(root, 'k8s/secret.example.yaml'), 'utf8')) as {
    readonly stringData: object
  }
  return Object.keys(secret.stringData)
}

/** What the blocks of one page name and there is not, and reasons that do not hold. */
export const faultsOf = (root: string, fences: readonly Fence[]): readonly string[] => {
  const known = new Set(readersOwn)
  return fences.filter(isShell).flatMap((fence) => {
    const { commands, sets, uses } = parseShell(fence.text)
    const own = [...sets, ...known]
    for (const name of sets) known.add(name)
    const reason = reasonOf(fence)
    const program = reason && reasons[reason]
    const holds = !program || commands.some((one) => program.test(one))
    return [
      ...(holds ? [] : [`nothing in it is a reason for check=${reason}`]),
      ...sets
        .filter((name) => /^[A-Z]/.test(name) && !isSetting(name) && !readersOwn.includes(name))
        .map((name) => `${name} is no setting`),
      ...uses
        .filter((name) => !own.includes(name) && !isSetting(name))
        .map((name) => `$${name} is not set`),
      ...commands.flatMap((command) => faultsOfCommand(root, command)),
    ].map((fault) => `line ${fence.line}: ${fault}`)
  })
}

const faultsOfCommand = (root: string, command: string): readonly string[] => [
  ...missingFiles(root, command),
  ...wrongPorts(command),
  ...(command.startsWith('docker compose ') ? faultsOfCompose(root, command) : []),
  ...(command.startsWith('kubectl ') ? faultsOfKubectl(root, command) : []),
  ...[...command.matchAll(/^npm run bench:tune -- ([A-Z_]+)=/g)]
    .filter(([, name = '']) => !isSetting(name))
    .map(([, name]) => `${name} is no setting`),
]

const missingFiles = (root: string, command: string): readonly string[] => {
  const named = command.matchAll(
    /(?<![\w./:$-])(?:[\w.-]+\/)*[\w-][\w.-]*\.(?:ts|js|ya?ml|json)\b/g,
  )
  return [...named]
    .map(([path]) => path)
    .filter((path) => path !== 'result.json' && path !== 'client.mjs')
    .map((path) => path.replace(/^dist\/(.*)\.js$/, '$1.ts'))
    .filter((path) => !existsSync(join(root, path)))
    .map((path) => `${path} is not there`)
}

/** Where something of ours listens if no setting says otherwise; 8088 is Nginx and port 80 a service's. */
const wrongPorts = (command: string): readonly string[] => {
  const usual = Object.entries(settings)
    .filter(([name]) => name.endsWith('_PORT'))
    .map(([, setting]) => String(setting.default))
  return [...command.matchAll(/(?:localhost|127\.0\.0\.1):(\d+)/g)]
    .map(([, port = '']) => port)
    .filter((port) => ![...usual, '8088', '8089', '8090', '8091', '4318'].includes(port))
    .map((port) => `nothing of ours listens on ${port}`)
}

const faultsOfCompose = (root: string, command: string): readonly string[] => {
  const file = / -f (\S+)/.exec(command)?.[1] ?? 'docker-compose.yml'
  const text = readFileSync(join(root, file), 'utf8').replaceAll('!reset', '')
  const { services } = parse(text, { merge: true }) as { readonly services: object }
  const words = command
    .replace(/ -f \S+/, '')
    .split(/\s+/)
    .slice(2)
  const [verb, ...rest] = words
  const named = rest
    .filter((word, i) => !word.startsWith('-') || rest[i - 1] === '--scale')
    .map((word) => word.split('=')[0] ?? '')
  const options = rest.filter((word) => word.startsWith('-'))
  return [
    ...(verb === 'up' ? [] : [`docker compose ${verb} is not known here`]),
    ...named.filter((name) => !(name in services)).map((name) => `${file} has no service ${name}`),
    ...options
      .filter((one) => !['--build', '--wait', '--no-recreate', '--scale'].includes(one))
      .map((one) => `docker compose up has no ${one}`),
  ]
}

const faultsOfKubectl = (root: string, command: string): readonly string[] => {
  const at = (directory: string) => render(pathToFileURL(`${join(root, directory)}/`))
  const directory = / --kustomize (\S+)/.exec(command)?.[1]
  if (directory !== undefined) return at(directory).length > 0 ? [] : [`${directory} is empty`]
  const manifests = at('k8s/overlays/local')
  const isThere = (kind: string, name: string) =>
    manifests.some((one) => one.kind.toLowerCase() === kind && one.metadata.name === name)
  const named = command.matchAll(/\b(deployment|service|statefulset)\/([a-z-]+)/g)
  const namespaces = command.matchAll(/(?:--namespace|create namespace) ([a-z-]+)/g)
  const keys = [...command.matchAll(/--from-literal=([A-Z_]+)=/g)].map(([, key = '']) => key)
  return [
    ...[...named]
      .filter(([, kind = '', name = '']) => !isThere(kind, name))
      .map(([text]) => `${text} is in no manifest`),
    ...[...namespaces]
      .filter(([, name = '']) => !isThere('namespace', name))
      .map(([text]) => `${text} is in no manifest`),
    ...keys
      .filter((key) => !secretKeys(root).includes(key))
      .map((key) => `${key} is not in k8s/secret.example.yaml`),
  ]
}

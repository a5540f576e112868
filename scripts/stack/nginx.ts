// A real Nginx in front of the API, L7 (`http`) or L4 (`stream`), from the templates in nginx/.
// Everything it writes is under its own directory, so it runs as any user and beside any other.

import { execFile } from 'node:child_process'
import { access, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Issued } from './certificates.ts'
import { loopback, accepts, ask, freePort } from './ports.ts'
import { ServiceMissing, findProgram, startService, type Service } from './service.ts'

const run = promisify(execFile)

const startTimeoutMs = 10_000
const stopTimeoutMs = 5_000
const templates = join(dirname(fileURLToPath(import.meta.url)), '../../nginx')
// A process of this machine that is gone refuses at once, and the next is tried. Taken out for a
// time instead, one that is back already leaves none when another dies: 1,400 errors in a second.
const localServerOptions = 'max_fails=0'

export type NginxMode = 'http' | 'stream'
export type Nginx = Service & {
  readonly grpcPort: number
  /** From now on new connections go there. Those that are open end as Nginx ends them at a reload. */
  leadTo(upstreams: readonly string[]): Promise<void>
}

export const startNginx = async (options: {
  directory: string
  port?: number
  grpcPort?: number
  /** host:port of each server behind it. */
  upstreams: readonly string[]
  /** Their ports of gRPC. Without any, a call finds no server. */
  grpcUpstreams?: readonly string[]
  mode: NginxMode
  /** Both of its ports speak TLS. */
  tls?: Issued
  /** What is changed in the template. */
  edit?: (template: string) => string
  /** Of each server, where they are not processes of this machine. */
  serverOptions?: string
}): Promise<Nginx> => {
  const {
    mode,
    grpcUpstreams = [],
    tls,
    serverOptions = localServerOptions,
    edit = (template: string) => template,
  } = options
  const command = findProgram('nginx')
  if (command === undefined) {
    throw new ServiceMissing(
      'nginx',
      'install Nginx (apt-get install nginx-light libnginx-mod-stream, brew install nginx)',
    )
  }
  const directory = resolve(options.directory)
  const port = options.port ?? (await freePort())
  const grpcPort = options.grpcPort ?? (await freePort())
  const directives = ['daemon off', ...(mode === 'stream' ? await streamModule(command) : [])]
  // The compiled-in user of the workers may not enter our directory.
  if (process.getuid?.() === 0) directives.push('user root')

  await mkdir(directory, { recursive: true })
  const config = join(directory, `${mode}.conf`)
  const template = await readFile(join(templates, `${mode}.conf`), 'utf8')
  const hasTls = tls !== undefined
  const values = { directory, port, grpcPort, grpcUpstreams, hasTls, serverOptions }
  const write = (upstreams: readonly string[]) =>
    writeFile(config, render(edit(template), { ...values, upstreams }))
  await write(options.upstreams)
  if (tls) {
    await copyFile(tls.certFile, join(directory, 'tls.crt'))
    await copyFile(tls.keyFile, join(directory, 'tls.key'))
    const settings = await readFile(join(templates, 'tls.conf'), 'utf8')
    await writeFile(
      join(directory, 'tls.conf'),
      render(settings, { ...values, upstreams: options.upstreams }),
    )
  }
  const service = await startService({
    name: `nginx-${mode}`,
    url: `${mode === 'stream' ? 'tcp' : tls ? 'https' : 'http'}://${loopback}:${port}`,
    port,
    directory,
    command,
    args: ['-p', directory, '-e', 'stderr', '-c', config, '-g', `${directives.join('; ')};`],
    answers: () => (mode === 'http' && !tls ? answersHealth(port) : accepts(port)),
    startTimeoutMs: startTimeoutMs,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: stopTimeoutMs,
  })
  // Not spread: that would read `exited`.
  return Object.assign(service, {
    grpcPort,
    async leadTo(upstreams: readonly string[]) {
      await write(upstreams)
      process.kill(service.pid, 'SIGHUP') // to its first process alone: it tells the others
    },
  })
}

/** The template with its placeholders filled in; Nginx's own `$variables` have no braces. */
const render = (
  template: string,
  values: {
    directory: string
    port: number
    grpcPort: number
    upstreams: readonly string[]
    grpcUpstreams: readonly string[]
    hasTls: boolean
    serverOptions: string
  },
): string => {
  const addressOf = (port: number) => `${loopback}:${port}${values.hasTls ? ' ssl' : ''}`
  const placeholders: Readonly<Record<string, string>> = {
    LISTEN: addressOf(values.port),
    GRPC_LISTEN: addressOf(values.grpcPort),
    DIRECTORY: values.directory,
    UPSTREAMS: serversOf(values.upstreams, values.serverOptions),
    GRPC_UPSTREAMS: serversOf(values.grpcUpstreams, values.serverOptions),
  }
  return template.replace(/\$\{(\w+)\}/g, (whole, name: string) => placeholders[name] ?? whole)
}

/** Nginx takes no empty list: without servers it is given one that is never asked. */
const serversOf = (upstreams: readonly string[], serverOptions: string): string =>
  upstreams.length === 0
    ? `server ${loopback}:9 down;`
    : triesOf(upstreams)
        .map((server) => `server ${server} ${serverOptions};`)
        .join(' ')

/**
 * Behind one address there are several processes, and Nginx tries each address of its list only
 * once. Named twice, a connection that one process resets while it exits is retried, and meets
 * another.
 */
const triesOf = (upstreams: readonly string[]): readonly string[] =>
  upstreams.length === 1 ? [...upstreams, ...upstreams] : upstreams

/** Directives that load the stream module where it is a separate file, as in Debian. */
const streamModule = async (nginx: string): Promise<string[]> => {
  const { stderr } = await run(nginx, ['-e', 'stderr', '-V'])
  const flags = new Map(
    [...stderr.matchAll(/--([\w-]+)(?:=(\S+))?/g)].map(([, name, value]) => [name, value ?? '']),
  )
  if (flags.get('with-stream') === '') return []
  const file = join(flags.get('modules-path') ?? '/usr/lib/nginx/modules', 'ngx_stream_module.so')
  await access(file).catch(() => {
    throw new ServiceMissing(
      "nginx's stream module",
      'install it (apt-get install libnginx-mod-stream; part of nginx in Homebrew)',
    )
  })
  return [`load_module ${file}`]
}

const answersHealth = async (port: number): Promise<void> => {
  const reply = await ask(port, 'GET /nginx/health HTTP/1.1\r\nHost: health\r\n\r\n')
  if (!reply.startsWith('HTTP/1.1 200')) throw new Error(reply.split('\r\n')[0])
}

// Runs the steps of a Dockerfile without Docker: each stage in a directory of its own, in an
// environment of its own. It is not a container: absolute paths and programs are this machine's, so
// RUN has to keep to its WORKDIR. What it does not know is an error.

import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'

type Step = { readonly instruction: string; readonly rest: string }

type Stage = {
  readonly root: string
  workdir: string
  env: Readonly<Record<string, string>>
  user?: string
  entrypoint: readonly string[]
  cmd: readonly string[]
}

/** The last stage: what the image would hold and start. */
export type Image = Readonly<Stage>

export const buildImage = async (options: {
  /** Where Dockerfile and .dockerignore are. */
  context: string
  /** An empty directory; each stage gets one in it. */
  directory: string
  /** Stages that can't run here; nothing is copied from them. */
  without: readonly string[]
  /** Variables of this machine that its RUN steps may see. */
  env: Readonly<Record<string, string>>
  /** What is done in place of a RUN step; each must be there. */
  instead: Readonly<Record<string, (workdir: string) => void>>
}): Promise<Image> => {
  const { context, directory, without, env } = options
  const instead = new Map(Object.entries(options.instead))
  const isSent = readIgnore(readFileSync(join(context, '.dockerignore'), 'utf8'))
  const stages = new Map<string, Stage>()
  let stage: Stage | undefined
  let skipped = false

  for (const { instruction, rest } of parse(readFileSync(join(context, 'Dockerfile'), 'utf8'))) {
    const words = rest.split(/\s+/)
    if (instruction === 'FROM') {
      const [from = '', , name = 'image'] = words
      const root = join(directory, name)
      skipped = without.includes(name)
      const base = skipped ? undefined : stages.get(from)
      if (base) cpSync(base.root, root, { recursive: true })
      else mkdirSync(root)
      stage = { workdir: '/', env: {}, entrypoint: [], cmd: [], ...base, root }
      stages.set(name, stage)
      continue
    }
    if (!stage) throw new Error('a Dockerfile begins with FROM')
    if (skipped) continue
    const inStage = (path: string) => join(path.startsWith('/') ? '' : (stage?.workdir ?? ''), path)
    switch (instruction) {
      case 'WORKDIR':
        stage.workdir = inStage(rest)
        mkdirSync(join(stage.root, stage.workdir), { recursive: true })
        break
      case 'ENV': {
        const [, name = '', value = ''] = /^(\w+)=(\S*)$/.exec(rest) ?? []
        if (!name) throw new Error(`dockerfile.ts can't do ENV ${rest}`)
        stage.env = { ...stage.env, [name]: value }
        break
      }
      case 'COPY': {
        const from = /^--from=(\w+)$/.exec(words[0] ?? '')?.[1]
        if (from !== undefined && without.includes(from)) break
        const source = from === undefined ? context : stages.get(from)?.root
        const target = words.at(-1) ?? ''
        if (source === undefined) throw new Error(`there is no stage ${from}`)
        for (const path of words.slice(from === undefined ? 0 : 1, -1)) {
          const into = target.endsWith('/') ? join(target, basename(path)) : target
          copy(join(source, path), join(stage.root, inStage(into)), (file) =>
            from === undefined ? isSent(relative(context, file)) : true,
          )
        }
        break
      }
      case 'RUN': {
        const workdir = join(stage.root, stage.workdir)
        const other = instead.get(rest)
        if (other) other(workdir)
        else await run(rest, workdir, { ...env, ...stage.env })
        instead.delete(rest)
        break
      }
      case 'USER':
        stage.user = rest
        break
      case 'ENTRYPOINT':
        stage.entrypoint = JSON.parse(rest) as string[]
        break
      case 'CMD':
        stage.cmd = JSON.parse(rest) as string[]
        break
      case 'ARG': // none is given here
      case 'LABEL':
      case 'EXPOSE':
        break
      default:
        throw new Error(`dockerfile.ts can't do ${instruction}`)
    }
  }
  if (!stage) throw new Error('the Dockerfile is empty')
  for (const step of instead.keys()) throw new Error(`the Dockerfile has no RUN ${step}`)
  return stage
}

const parse = (text: string): Step[] =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, instruction = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
      return { instruction, rest: rest.trim() }
    })

/** Of .dockerignore as much as ours uses: the last line that fits a path decides. */
const readIgnore = (text: string): ((path: string) => boolean) => {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return (path) => {
    let sent = true
    for (const line of lines) {
      if (line === '*') sent = false
      else if (line.startsWith('!')) sent ||= path.split('/')[0] === line.slice(1)
      else if (line.startsWith('**/*')) sent &&= !path.endsWith(line.slice('**/*'.length))
      else if (/^[\w/-]+$/.test(line)) sent &&= path !== line && !path.startsWith(`${line}/`)
      else throw new Error(`dockerfile.ts can't do ${line} of .dockerignore`)
    }
    return sent
  }
}

const copy = (from: string, to: string, isSent: (file: string) => boolean) => {
  if (!existsSync(from) || !isSent(from)) throw new Error(`COPY finds no ${from}`)
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to, { recursive: true, filter: isSent })
}

const run = async (command: string, cwd: string, env: Readonly<Record<string, string>>) => {
  const child = spawn('env', ['-i', ...assignments(env), 'sh', '-c', command], { cwd })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (output += data.toString()))
  }
  const code = await new Promise((resolve) => child.once('exit', resolve))
  if (code !== 0) throw new Error(`RUN ${command}\n${output}`)
}

/** For `env -i`, which clears the environment: a test runner puts things there, a container has none. */
export const assignments = (env: Readonly<Record<string, string>>): string[] =>
  Object.entries(env).map(([name, value]) => `${name}=${value}`)

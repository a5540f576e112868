// The programs of a real Kubernetes API server, for the command that asks it: no package registry has the
// server, so it is built once from its Go modules. etcd is Debian's.

import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { repository } from '../../scripts/paths.ts'
import { ServiceMissing, findProgram } from '../../scripts/stack/service.ts'
import { readManifests, type Manifest } from './render.ts'

const run = promisify(execFile)

const version = '1.34.3'
const cache = fileURLToPath(new URL('.data/', repository))
const serverDirectory = join(cache, `kube-apiserver-${version}`)
const etcdDirectory = join(cache, 'etcd')
/** Twenty minutes on two cores that are busy with something else. */
const buildTimeoutMs = 60 * 60_000
const downloadTimeoutMs = 300_000
/** A list of all packages, as the Go command prints it. */
const outputBytesMax = 64 * 1024 ** 2

/** What Kubernetes keeps in its own repository as modules, and says so by lines that `go install` refuses. */
const staging =
  'api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider ' +
  'cluster-bootstrap code-generator component-base component-helpers controller-manager cri-api ' +
  'cri-client cri-streaming csi-translation-lib dynamic-resource-allocation endpointslice externaljwt ' +
  'kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics ' +
  'mount-utils pod-security-admission sample-apiserver'

const stagingVersion = `v0.${version.split('.').slice(1).join('.')}`
const goMod = `module accept

go 1.24.0

require (
	k8s.io/component-base ${stagingVersion}
	k8s.io/kubernetes v${version}
)

replace (
${staging
  .split(' ')
  .map((name) => `	k8s.io/${name} => k8s.io/${name} ${stagingVersion}\n`)
  .join('')})
`
const mainGo = `package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
`

/** The path of kube-apiserver. `say` hears of a build, which takes long. */
export const kubeApiServer = async (say: (line: string) => void): Promise<string> => {
  const path = join(serverDirectory, 'kube-apiserver')
  if (await exists(path)) return path
  const go = findGo()
  say(`building kube-apiserver ${version} once, which may take 20 minutes …`)
  await mkdir(serverDirectory, { recursive: true })
  const options = { cwd: serverDirectory, maxBuffer: outputBytesMax, timeout: buildTimeoutMs }
  await writeFile(join(serverDirectory, 'go.mod'), goMod)
  await writeFile(join(serverDirectory, 'main.go'), mainGo)
  await run(go, ['mod', 'tidy'], options)
  // Renamed when complete, so that an interrupted build is not taken for one.
  const unfinished = `${path}.new-${process.pid}`
  await run(go, ['build', '-ldflags=-s -w', '-o', unfinished, '.'], {
    ...options,
    env: { ...process.env, CGO_ENABLED: '0' },
  })
  await rename(unfinished, path)
  return path
}

export const etcd = async (): Promise<string> => {
  const installed = findProgram('etcd')
  if (installed !== undefined) return installed
  const path = join(etcdDirectory, 'usr/bin/etcd')
  if (await exists(path)) return path
  const [apt, unpack] = ['apt-get', 'dpkg-deb'].map(findProgram)
  if (apt === undefined || unpack === undefined) {
    throw new ServiceMissing('etcd', 'install it (brew install etcd)')
  }
  await mkdir(cache, { recursive: true })
  const unfinished = await mkdtemp(`${etcdDirectory}.new-`)
  try {
    const options = { cwd: unfinished, timeout: downloadTimeoutMs }
    await run(apt, ['download', '-qq', 'etcd-server'], options)
    const archive = (await readdir(unfinished)).find((name) => name.endsWith('.deb')) ?? ''
    await run(unpack, ['--extract', archive, '.'], options)
    await rm(join(unfinished, archive))
    await rename(unfinished, etcdDirectory)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return path
}

/** Modules of the operators, and where in them their custom resource definitions are. */
const definitionsIn: Readonly<Record<string, string>> = {
  'github.com/prometheus-operator/prometheus-operator@v0.85.0': 'example/prometheus-operator-crd',
  'github.com/kedacore/keda/v2@v2.18.1': 'config/crd/bases',
  'istio.io/api@v1.32.0': 'kubernetes',
  'sigs.k8s.io/gateway-api@v1.6.3': 'config/crd/standard',
}

/** The custom resource definitions that are needed. */
export const customResources = async (
  isNeeded: (group: string, kind: string) => boolean,
): Promise<readonly Manifest[]> => {
  const modules = Object.entries(definitionsIn)
  await mkdir(serverDirectory, { recursive: true })
  const { stdout } = await run(
    findGo(),
    ['mod', 'download', '-json', ...modules.map(([name]) => name)],
    {
      cwd: serverDirectory,
      maxBuffer: outputBytesMax,
      timeout: downloadTimeoutMs,
    },
  )
  const directories = new Map(
    // One object after the other, and no list of them.
    stdout
      .split(/(?<=^})$/m)
      .filter((text) => text.trim() !== '')
      .map((text) => {
        const { Path, Version, Dir } = JSON.parse(text) as Readonly<Record<string, string>>
        return [`${Path}@${Version}`, Dir]
      }),
  )
  const files = await Promise.all(
    modules.map(async ([name, folder]) => {
      const directory = join(directories.get(name) ?? '', folder)
      const names = (await readdir(directory)).filter((name) => name.endsWith('.yaml'))
      return names.map((name) => join(directory, name))
    }),
  )
  return files
    .flat()
    .flatMap((file) => readManifests(new URL(`file://${file}`)))
    .filter((one) => one?.kind === 'CustomResourceDefinition')
    .filter(({ spec }) => {
      const { group, names } = spec as { group: string; names: { kind: string } }
      return isNeeded(group, names.kind)
    })
}

const findGo = (): string => {
  const go = findProgram('go')
  if (go !== undefined) return go
  throw new ServiceMissing('kube-apiserver', 'install Go 1.24 or later, which builds it once')
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

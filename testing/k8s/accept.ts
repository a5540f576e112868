// npm run k8s:accept: a real Kubernetes API server's opinion of every manifest, and of what Helm makes of
// the chart, with strict validation. Beside the tests: they have only its schemas, offline and in seconds.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { takeNoArguments } from '../../scripts/command-line.ts'
import { ServiceMissing } from '../../scripts/stack/service.ts'
import { makeTemporaryDirectory } from '../../scripts/stack/temporary-directory.ts'
import { nameOf } from './changes.ts'
import { copyWithTests, helm, templateOf } from './helm.ts'
import { startKubeApi, type KubeApi } from './kube-api.ts'
import { customResources } from './kube-binaries.ts'
import { parseManifests, readManifests, type Manifest } from './render.ts'
import { chartVariants, overlays, readOverlay, variants } from './workloads.ts'

const usage = `usage: npm run k8s:accept
Starts a Kubernetes API server and asks it for every object of every overlay and of the chart, with strict
validation. Builds the server once (Go, up to 20 minutes); it stays in .data.
Exit codes: 0 every object is taken, 1 one is not, 2 wrong usage.`

type Source = { readonly name: string; readonly manifests: readonly Manifest[] }

const readSources = async (directory: string): Promise<readonly Source[]> => {
  const copy = await copyWithTests(join(directory, 'chart'))
  const answers = await helm([
    ...chartVariants.map(({ files }) => templateOf(files)),
    templateOf(['production.yaml'], {}, copy),
  ])
  return [
    ...[...overlays, ...variants].map((name) => ({
      name: `k8s/${name}`,
      manifests: readOverlay(name).manifests,
    })),
    {
      name: 'k8s/secret.example.yaml',
      manifests: readManifests(new URL('../../k8s/secret.example.yaml', import.meta.url)),
    },
    ...chartVariants.map(({ files }, i) => ({
      name: `k8s/chart ${files.join(' ')}`.trimEnd(),
      manifests: parseManifests(answers[i]?.out ?? '', 'chart'),
    })),
    {
      name: 'k8s/chart production.yaml, its tests too',
      manifests: parseManifests(answers.at(-1)?.out ?? '', 'chart'),
    },
  ]
}

/** What it must refuse: else its validation would not be strict, and its approval worth nothing. */
const misspelt: readonly (readonly [kind: string, right: string, wrong: string])[] = [
  ['Deployment', '"maxUnavailable":', '"maxUnavailible":'],
  ['NetworkPolicy', '"policyTypes":', '"policyType":'],
  ['Pod', '"restartPolicy":', '"restartPolice":'],
  ['VirtualService', '"attempts":', '"attempt":'],
  ['PeerAuthentication', '"STRICT"', '"STRICTEST"'],
  ['ScaledObject', '"minReplicaCount":', '"minReplicas":'],
  ['PodMonitor', '"podMetricsEndpoints":', '"endpoints":'],
]

const main = async (): Promise<boolean> => {
  const directory = await makeTemporaryDirectory()
  try {
    return await acceptAll(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const acceptAll = async (directory: string): Promise<boolean> => {
  const sources = await readSources(directory)
  const all = sources.flatMap(({ manifests }) => manifests)
  const definitions = await customResources((group, kind) =>
    all.some((one) => one.kind === kind && one.apiVersion.startsWith(`${group}/`)),
  )
  let api: KubeApi | undefined
  try {
    api = await startKubeApi(directory, console.log)
    const namespaces = readOverlay('base').manifests.filter(isNamespace)
    for (const one of [...definitions, ...namespaces, serviceAccount]) {
      const faults = await api.faults(one, { isDryRun: false })
      if (faults.length > 0) throw new Error(`${nameOf(one)}: ${faults.join()}`)
    }
    const areRefused = await refusals(api, all)
    return (await opinions(api, sources)) && areRefused
  } finally {
    await api?.stop()
  }
}

/** A controller, of which there is none here, makes it in each namespace. No pod is taken without. */
const serviceAccount: Manifest = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'default', namespace: 'todos' },
}

const isNamespace = ({ kind }: Manifest): boolean => kind === 'Namespace'

const opinions = async (api: KubeApi, sources: readonly Source[]): Promise<boolean> => {
  const width = Math.max(...sources.map(({ name }) => name.length))
  let isAllTaken = true
  for (const { name, manifests } of sources) {
    const faults: string[] = []
    for (const one of manifests) {
      const found = await api.faults(inNamespace(one), { isDryRun: true })
      faults.push(...found.map((fault) => `  ${nameOf(one)}: ${fault}`))
    }
    const taken = manifests.length - faults.length
    console.log(`${name.padEnd(width)}  ${taken} of ${manifests.length} taken`)
    for (const fault of faults) console.log(fault)
    isAllTaken &&= faults.length === 0
  }
  return isAllTaken
}

/** The example of a Secret has none. */
const inNamespace = (one: Manifest): Manifest =>
  isNamespace(one) ? one : { ...one, metadata: { namespace: 'todos', ...one.metadata } }

const refusals = async (api: KubeApi, all: readonly Manifest[]): Promise<boolean> => {
  let areRefused = true
  for (const [kind, right, wrong] of misspelt) {
    const sound = all.map((one) => JSON.stringify(one))
    const text =
      sound.find((one) => one.includes(`"kind":"${kind}"`) && one.includes(right)) ?? '{}'
    const faults = await api.faults(JSON.parse(text.replace(right, wrong)) as Manifest, {
      isDryRun: true,
    })
    if (faults.length === 0) console.log(`a ${kind} with ${wrong} was taken: not strict`)
    areRefused &&= faults.length > 0
  }
  if (areRefused) console.log(`${misspelt.length} of ${misspelt.length} misspelt objects refused`)
  return areRefused
}

takeNoArguments(usage)
try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  if (!(error instanceof ServiceMissing)) throw error
  console.error(error.message)
  process.exitCode = 1
}

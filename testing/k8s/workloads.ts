// The manifests as the tests read them: rendered, typed, and the pods found wherever they are.

import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1'
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2'
import type { IJob } from 'kubernetes-models/batch/v1'
import type { IIngress, INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1'
import type { IConfigMap, IContainer, IPodSpec, ISecret, IService } from 'kubernetes-models/v1'
import { render, type Manifest } from './render.ts'

export type Kinds = {
  ConfigMap: IConfigMap
  Deployment: IDeployment
  HorizontalPodAutoscaler: IHorizontalPodAutoscaler
  Ingress: IIngress
  Job: IJob
  NetworkPolicy: INetworkPolicy
  PodDisruptionBudget: IPodDisruptionBudget
  Secret: ISecret
  Service: IService
  StatefulSet: IStatefulSet
}

export type Labels = Readonly<Record<string, string>>

/** A Deployment or a StatefulSet, and the pods that it makes. */
export type Workload = {
  readonly name: string
  readonly selector: Labels
  readonly labels: Labels
  readonly pod: IPodSpec
  readonly containers: readonly IContainer[]
  readonly claims: readonly string[]
  readonly replicas: number | undefined
}

export type Rendered = {
  readonly manifests: readonly Manifest[]
  all<Kind extends keyof Kinds>(kind: Kind): Kinds[Kind][]
  one<Kind extends keyof Kinds>(kind: Kind, name: string): Kinds[Kind]
  readonly workloads: readonly Workload[]
  workload(name: string): Workload
  /** The workloads whose pods a selector takes; none given takes all. */
  selected(selector: Labels | undefined): readonly Workload[]
  readonly settings: Readonly<Record<string, string>>
}

export const overlays = ['base', 'overlays/local', 'overlays/production'] as const
/** Each one of those, with another way in, for a cluster with operators, or something beside it. */
export const variants = [
  'overlays/load-balancer',
  'overlays/gateway',
  'overlays/operators',
  'overlays/istio',
  'overlays/bench',
] as const
/** Each overlay that the chart makes the objects of, and the values files that it takes for it. */
export const chartVariants: readonly {
  readonly overlay: Overlay
  readonly files: readonly string[]
}[] = [
  { overlay: 'base', files: [] },
  { overlay: 'overlays/local', files: ['local.yaml'] },
  { overlay: 'overlays/production', files: ['production.yaml'] },
  { overlay: 'overlays/load-balancer', files: ['production.yaml', 'load-balancer.yaml'] },
  { overlay: 'overlays/gateway', files: ['production.yaml', 'gateway.yaml'] },
  { overlay: 'overlays/operators', files: ['production.yaml', 'operators.yaml'] },
  { overlay: 'overlays/istio', files: ['production.yaml', 'istio.yaml'] },
]
export type Overlay = (typeof overlays)[number] | (typeof variants)[number]

export const readOverlay = (overlay: Overlay): Rendered => {
  const manifests = render(new URL(`../../k8s/${overlay}/`, import.meta.url))
  const all = <Kind extends keyof Kinds>(kind: Kind) =>
    manifests.filter((one) => one.kind === kind) as unknown as Kinds[Kind][]
  const one = <Kind extends keyof Kinds>(kind: Kind, name: string) =>
    found(
      all(kind).find(({ metadata }) => metadata?.name === name),
      `${kind} ${name}`,
    )
  const workloads = [...all('Deployment'), ...all('StatefulSet')].map(toWorkload)
  return {
    manifests,
    all,
    one,
    workloads,
    workload: (name) =>
      found(
        workloads.find((one) => one.name === name),
        name,
      ),
    selected: (selector) => workloads.filter(({ labels }) => isPart(selector ?? {}, labels)),
    settings: one('ConfigMap', 'todos-settings').data ?? {},
  }
}

const toWorkload = ({ metadata, spec }: IDeployment | IStatefulSet): Workload => {
  const pod = found(spec?.template.spec, 'pod')
  return {
    name: metadata?.name ?? '',
    selector: spec?.selector.matchLabels ?? {},
    labels: spec?.template.metadata?.labels ?? {},
    pod,
    containers: [...(pod.initContainers ?? []), ...pod.containers],
    claims:
      spec && 'volumeClaimTemplates' in spec
        ? (spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata?.name ?? '')
        : [],
    replicas: spec?.replicas,
  }
}

export const isPart = (part: Labels, whole: Labels): boolean =>
  Object.entries(part).every(([name, value]) => whole[name] === value)

export const found = <T>(value: T | undefined, name: string): T => {
  if (value === undefined) throw new Error(`there is no ${name}`)
  return value
}

export const namesOf = (workloads: readonly Workload[]): string[] =>
  workloads.map(({ name }) => name)

/** The ports that its containers listen on, by name. */
export const portsOf = ({ pod }: Workload): ReadonlyMap<string, number> =>
  new Map(
    pod.containers
      .flatMap(({ ports }) => ports ?? [])
      .map(({ name, containerPort }) => [name ?? '', containerPort]),
  )

// What the Kubernetes API server would refuse about a manifest. The validators are made from its
// OpenAPI document and from the operators' custom resource definitions (kubernetes-models, from npm).
// They ignore fields that they do not know, where the server's strict validation does not. So they get
// the manifest through proxies that record what was read. A field that nobody looked at is one that
// Kubernetes does not have.

import {
  Gateway,
  GRPCRoute,
  HTTPRoute,
} from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1'
import {
  Gateway as IstioGateway,
  VirtualService,
} from '@kubernetes-models/istio/networking.istio.io/v1'
import { PeerAuthentication } from '@kubernetes-models/istio/security.istio.io/v1'
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1'
import {
  PodMonitor,
  PrometheusRule,
} from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'
import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1'
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2'
import { Ingress, NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import { Job } from 'kubernetes-models/batch/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { ConfigMap, Namespace, Pod, Secret, Service } from 'kubernetes-models/v1'
import { isFields, type Fields, type Manifest, type Value } from './render.ts'

const models = [
  ConfigMap,
  Namespace,
  Pod,
  Secret,
  Service,
  Deployment,
  StatefulSet,
  Job,
  HorizontalPodAutoscaler,
  PodDisruptionBudget,
  Ingress,
  NetworkPolicy,
  Gateway,
  HTTPRoute,
  GRPCRoute,
  PodMonitor,
  PrometheusRule,
  ScaledObject,
  IstioGateway,
  PeerAuthentication,
  VirtualService,
]

type SchemaFault = { readonly instancePath: string; readonly message?: string }

/** Each fault with the path of the field; none when the manifest is sound. */
export const faultsOf = (manifest: Manifest): string[] => {
  const { apiVersion, kind } = manifest
  const model = models.find((one) => one.apiVersion === apiVersion && one.kind === kind)
  if (!model) return [`no schema for ${apiVersion} ${kind}`]
  const looked = new Map<string, Set<string>>()
  const faults: string[] = []
  try {
    model.prototype.validate.call(noting(manifest, '', looked))
  } catch (error) {
    const { errors } = error as { errors?: readonly SchemaFault[] }
    if (!errors) throw error
    faults.push(...errors.map((one) => `${one.instancePath} ${one.message ?? 'is not valid'}`))
  }
  return [...faults, ...unlooked(manifest, '', looked)]
}

const noting = (value: Value, path: string, looked: Map<string, Set<string>>): unknown => {
  if (value === null || typeof value !== 'object') return value
  const names = new Set<string>()
  looked.set(path, names)
  return new Proxy(value as Record<string, Value>, {
    get(target, name) {
      if (typeof name === 'symbol') return Reflect.get(target, name) as unknown
      names.add(name)
      const inner = target[name]
      return Object.hasOwn(target, name) && inner !== undefined
        ? noting(inner, `${path}/${name}`, looked)
        : inner
    },
    // Walked through: a map, such as labels, whose names are ours to choose.
    ownKeys(target) {
      for (const name of Object.keys(target)) names.add(name)
      return Reflect.ownKeys(target)
    },
  })
}

const unlooked = (value: Value, path: string, looked: Map<string, Set<string>>): string[] => {
  const entries: [string, Value][] = Array.isArray(value)
    ? (value as readonly Value[]).map((one, i) => [String(i), one])
    : isFields(value)
      ? Object.entries(value satisfies Fields)
      : []
  return entries.flatMap(([name, inner]) => {
    const at = `${path}/${name}`
    if (inner === null) return [`${at} has no value`]
    if (!looked.get(path)?.has(name)) return [`${at} is not a field of Kubernetes`]
    return unlooked(inner, at, looked)
  })
}

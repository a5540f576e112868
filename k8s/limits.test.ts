// The numbers of the manifests agree with each other and with the settings, and no container may do
// more than it must.

import type { IContainer } from 'kubernetes-models/v1'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { connectionsOf, forkBudget, workerBudget } from '../lib/drivers/postgres/budget.ts'
import { readConfig } from '../lib/runtime/config/config.ts'
import { repository } from '../scripts/paths.ts'
import { found, overlays, readOverlay, type Rendered } from '../testing/k8s/workloads.ts'

/** HTTP_DRAIN_DELAY_MS, how long the API serves on after SIGTERM with /ready failing. */
const drainDelayMsDefault = 5_000
/** A batch of the worker that takes longer counts as lost. */
const batchMsMax = 20_000
const marginMs = 5_000
const { version } = JSON.parse(readFileSync(new URL('package.json', repository), 'utf8')) as {
  version: string
}

for (const overlay of overlays) {
  const rendered = readOverlay(overlay)
  const { all, one, workloads, workload } = rendered
  const config = readConfig({ ...rendered.settings, JWT_SECRET: 'x'.repeat(32) }, 'server')

  void t.test(`${overlay}: pods are given the time to leave`, async (t) => {
    const api = workload('api').pod
    const preStopMs =
      1000 * (found(api.containers[0], 'api').lifecycle?.preStop?.sleep?.seconds ?? 0)
    const drainDelayMs = Number(
      Object.entries(config).find(([name]) => name === 'HTTP_DRAIN_DELAY_MS')?.[1] ??
        drainDelayMsDefault,
    )
    t.ok(preStopMs >= 5_000, 'the proxies hear of it first')
    const leavesMs =
      preStopMs + drainDelayMs + config.HTTP_DRAIN_TIMEOUT_MS + config.PUBLISH_TIMEOUT_MS
    t.ok(1000 * (api.terminationGracePeriodSeconds ?? 0) >= leavesMs + marginMs)
    t.ok(
      1000 * (workload('worker').pod.terminationGracePeriodSeconds ?? 0) >= batchMsMax + marginMs,
    )
  })

  void t.test(`${overlay}: as many pods as there is load, and as their stores bear`, async (t) => {
    const bounds = ['api', 'worker'].map((name) => {
      const { minReplicas, maxReplicas } = found(one('HorizontalPodAutoscaler', name).spec, 'spec')
      t.equal(workload(name).replicas, undefined, 'nothing else sets their number')
      return [minReplicas, maxReplicas]
    })
    const asked = overlay === 'overlays/local' ? [1, 3] : [5, 50]
    t.strictSame(bounds, [asked, asked])
    t.match(one('HorizontalPodAutoscaler', 'api').spec?.metrics, [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } },
      { type: 'Resource', resource: { name: 'memory', target: { type: 'Utilization' } } },
    ])
    t.match(one('HorizontalPodAutoscaler', 'worker').spec?.metrics, [
      { type: 'Pods', pods: { metric: { name: 'todos_log_lag_commands' } } },
    ])

    t.ok(config.KAFKA_PARTITIONS >= mostPods(rendered, 'worker', false), 'a partition for each')
    t.ok((workload('kafka').replicas ?? 0) >= config.KAFKA_REPLICATION_FACTOR)
    t.ok(config.HTTP_PROCESSES <= cores(found(workload('api').pod.containers[0], 'api')))

    const connections =
      // One more while it starts: the migration, which comes before all others.
      mostPods(rendered, 'api') *
        (config.HTTP_PROCESSES * connectionsOf(forkBudget(config), config) + 1) +
      mostPods(rendered, 'worker') * connectionsOf(workerBudget(config), config)
    const allowed = Number(
      /max_connections=(\d+)/.exec(
        found(workload('postgres').pod.containers[0], 'postgres').args?.join(' ') ?? '',
      )?.[1],
    )
    t.ok(connections < allowed, `${connections} connections of ${allowed}`)
  })

  void t.test(`${overlay}: one acknowledged command survives one broker`, async (t) => {
    const { containers } = workload('kafka').pod
    const env = new Map(containers[0]?.env?.map(({ name, value }) => [name, value]))
    const replicas = workload('kafka').replicas ?? 0
    const voters = env.get('KAFKA_CONTROLLER_QUORUM_VOTERS')?.split(',')
    t.strictSame(
      voters,
      Array.from({ length: replicas }, (_, i) => `${i}@kafka-${i}.kafka:9093`),
    )
    t.equal(Number(env.get('KAFKA_MIN_INSYNC_REPLICAS')), overlay === 'overlays/local' ? 1 : 2)
    for (const topic of ['KAFKA_OFFSETS_TOPIC', 'KAFKA_TRANSACTION_STATE_LOG']) {
      t.equal(Number(env.get(`${topic}_REPLICATION_FACTOR`)), replicas)
    }
    t.equal(config.KAFKA_REPLICATION_FACTOR, replicas)
    t.equal(config.KAFKA_MIN_INSYNC_REPLICAS, Number(env.get('KAFKA_MIN_INSYNC_REPLICAS')))
  })

  void t.test(`${overlay}: a node can be emptied, and a zone can be lost`, async (t) => {
    const budgets = all('PodDisruptionBudget').map(({ metadata }) => metadata?.name)
    t.strictSame(budgets.sort(), workloads.map(({ name }) => name).sort(), 'each has a budget')
    for (const { name, pod } of workloads) {
      const spread = pod.topologySpreadConstraints ?? []
      t.strictSame(
        spread.map(({ topologyKey }) => topologyKey),
        ['postgres', 'redis'].includes(name)
          ? []
          : ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'],
        name,
      )
      const zones = spread.find(({ topologyKey }) => topologyKey.endsWith('/zone'))
      t.equal(zones?.whenUnsatisfiable ?? 'ScheduleAnyway', 'ScheduleAnyway', 'one zone must do')
    }
  })

  void t.test(
    `${overlay}: a pod whose node is gone costs as much as behind our Nginx`,
    async (t) => {
      const nginx = readFileSync(new URL('nginx/http.conf', repository), 'utf8')
      const seconds = /proxy_connect_timeout (\d+)s;/.exec(nginx)?.[1]
      t.ok(Number(seconds) > 0)
      for (const { metadata } of all('Ingress')) {
        const name = 'nginx.ingress.kubernetes.io/proxy-connect-timeout'
        t.equal(metadata?.annotations?.[name], seconds, metadata?.name ?? '')
      }
    },
  )

  void t.test(`${overlay}: images are pinned, and ours is one`, async (t) => {
    const images = workloads.flatMap(({ containers }) => containers.map(({ image }) => image ?? ''))
    for (const image of images) {
      if (overlay === 'overlays/local' && image === 'todos:local') continue
      t.match(image, /:\d+\.\d+(\.\d+)?(-[a-z]+)?$/, image)
    }
    const ours = new Set(
      [workload('api'), workload('worker')].flatMap(({ containers }) =>
        containers.map(({ image }) => image),
      ),
    )
    t.strictSame(
      [...ours],
      [
        {
          base: `todos:${version}`,
          'overlays/local': 'todos:local',
          'overlays/production': `registry.example.com/todos:${version}`,
        }[overlay],
      ],
    )
  })

  void t.test(`${overlay}: every container is bounded, and may do little`, async (t) => {
    t.match(all('Deployment').length + all('StatefulSet').length, 5)
    for (const { name, pod, containers, claims } of workloads) {
      t.match(pod, { enableServiceLinks: false, automountServiceAccountToken: false }, name)
      t.match(pod.securityContext, {
        runAsNonRoot: true,
        runAsUser: Number,
        seccompProfile: { type: 'RuntimeDefault' },
      })
      t.not(pod.securityContext?.runAsUser, 0)
      const volumes = [...claims, ...(pod.volumes ?? []).map((volume) => volume.name)]
      for (const container of containers) {
        const label = `${name}: ${container.name}`
        t.match(container.securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        t.notOk(container.securityContext?.capabilities?.add, label)
        for (const kind of ['requests', 'limits'] as const) {
          for (const resource of ['cpu', 'memory']) {
            t.match(container.resources?.[kind]?.[resource], /^\d+(m|Mi|Gi)?$/, `${label} ${kind}`)
          }
        }
        for (const mount of container.volumeMounts ?? []) {
          t.ok(volumes.includes(mount.name), `${label} mounts ${mount.name}`)
        }
      }
    }
    const kept = workloads.filter(({ claims }) => claims.length > 0).map((one) => one.name)
    t.strictSame(kept.sort(), ['kafka', 'postgres'], 'what must not be lost has a claim')
  })
}

/** With what a rollout adds to them for a while. */
const mostPods = ({ one }: Rendered, name: string, inRollout = true): number => {
  const most = one('HorizontalPodAutoscaler', name).spec?.maxReplicas ?? 0
  const surge = one('Deployment', name).spec?.strategy?.rollingUpdate?.maxSurge
  if (!inRollout) return most
  return typeof surge === 'string'
    ? Math.ceil(most * (1 + parseInt(surge) / 100))
    : most + (surge ?? 0)
}

const cores = ({ resources }: IContainer): number => {
  const cpu = String(resources?.limits?.['cpu'])
  return cpu.endsWith('m') ? parseInt(cpu) / 1000 : Number(cpu)
}

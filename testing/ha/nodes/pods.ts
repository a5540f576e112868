// Pods as processes on nodes, and what Kubernetes does with them: probes of readiness, the list of
// endpoints, and the end of a pod in the order of the kubelet. Its times are those of our manifests.

import { get } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { startServer, startWorker, type Running } from '../../../scripts/stack/processes.ts'
import { eventually, startTimeoutMs } from '../../eventually.ts'
import { found, readOverlay } from '../../k8s/workloads.ts'
import type { Node } from './network.ts'

export type Pod = {
  readonly kind: 'api' | 'worker'
  readonly node: Node
  readonly running: Running
  /** host:port of the API; empty for a worker. */
  readonly endpoint: string
  isReady: boolean
  isLeaving: boolean
}

export type Leaving = { readonly how: number | NodeJS.Signals; readonly seconds: number }

/** Kubernetes' own, from 1.32 on: after so long without a word of a node its pods count as unready. */
export const nodeGraceMs = 50_000
/** From a change of an endpoint to the proxies that have heard of it. */
const endpointsDelayMs = 1_000
const firstPort = 8_080
const restartDelayMs = 2_000

const manifests = readOverlay('base')
const { pod: apiPod } = manifests.workload('api')
const { pod: workerPod } = manifests.workload('worker')
const apiContainer = found(apiPod.containers[0], 'container')
const probe = found(apiContainer.readinessProbe, 'readinessProbe')
const times = {
  api: {
    preStopMs: 1_000 * (apiContainer.lifecycle?.preStop?.sleep?.seconds ?? 0),
    graceMs: 1_000 * (apiPod.terminationGracePeriodSeconds ?? 30),
  },
  worker: { preStopMs: 0, graceMs: 1_000 * (workerPod.terminationGracePeriodSeconds ?? 30) },
}

export const startPods = (
  environment: Readonly<Record<string, string>>,
  isAway: (node: Node) => boolean,
  /** What stands in front is told of all endpoints that are ready. */
  onEndpoints: (endpoints: readonly string[]) => Promise<void>,
) => {
  const pods = new Set<Pod>()
  const leavings: Leaving[] = []
  let ports = firstPort
  let published = ''
  let publishing = Promise.resolve()
  let isOver = false

  const readyEndpoints = () =>
    [...pods]
      .filter((one) => one.isReady && !one.isLeaving && one.kind === 'api')
      .map(({ endpoint }) => endpoint)
  const publish = () => {
    const endpoints = readyEndpoints()
    // None at all would be a list that no proxy takes.
    if (endpoints.length === 0 || endpoints.join() === published) return
    published = endpoints.join()
    publishing = Promise.all([publishing, delay(endpointsDelayMs)]).then(() =>
      onEndpoints(endpoints),
    )
  }

  /** The kubelet of its node asks; one that is cut off tells nobody, and is given up after a time. */
  const probeAlways = async (pod: Pod) => {
    let failures = 0
    let heardMs = performance.now()
    while (!isOver && !pod.isLeaving) {
      if (isAway(pod.node)) {
        if (performance.now() - heardMs > nodeGraceMs) pod.isReady = false
      } else {
        const isReady = await answersReady(pod.endpoint, 1_000 * (probe.timeoutSeconds ?? 1))
        heardMs = performance.now()
        failures = isReady ? 0 : failures + 1
        if (isReady) pod.isReady = true
        else if (failures >= (probe.failureThreshold ?? 3)) pod.isReady = false
      }
      publish()
      await delay(1_000 * (probe.periodSeconds ?? 10))
    }
  }

  const isReady = (pod: Pod) => eventually(() => pod.isReady, Boolean, startTimeoutMs)

  return {
    leavings,
    of: (kind: Pod['kind'], nodes: readonly Node[]): readonly Pod[] =>
      [...pods].filter((one) => one.kind === kind && !one.isLeaving && nodes.includes(one.node)),
    /** Resolves when it is ready. */
    async start(kind: Pod['kind'], node: Node): Promise<Pod> {
      const port = kind === 'api' ? ports++ : 0
      const launch = () =>
        (kind === 'api' ? startServer : startWorker)(
          { ...environment, HTTP_HOST: node.address, HTTP_PORT: String(port) },
          undefined,
          node.launcher,
        )
      // One that can't start is started again, as the kubelet does: on a busy machine a store may be late.
      const running = await launch().catch(() => delay(restartDelayMs).then(launch))
      const endpoint = kind === 'api' ? `${node.address}:${port}` : ''
      const pod = { kind, node, running, endpoint, isReady: kind === 'worker', isLeaving: false }
      pods.add(pod)
      if (kind === 'api') void probeAlways(pod)
      await isReady(pod)
      return pod
    },
    /** Its endpoint goes and its preStop begins at once; then SIGTERM, and SIGKILL when its time is over. */
    async end(pod: Pod): Promise<void> {
      const { preStopMs, graceMs } = times[pod.kind]
      const fromMs = performance.now()
      pod.isLeaving = true
      publish()
      await delay(preStopMs)
      pod.running.process.kill('SIGTERM')
      const timer = setTimeout(() => pod.running.process.kill('SIGKILL'), graceMs - preStopMs)
      const how = await pod.running.exited
      clearTimeout(timer)
      pods.delete(pod)
      leavings.push({ how, seconds: (performance.now() - fromMs) / 1_000 })
    },
    /** Killed, as one that took too much memory is, and started again in its place: CrashLoopBackOff's first. */
    async crash(pod: Pod): Promise<void> {
      pod.running.process.kill('SIGKILL')
      await pod.running.exited
      pods.delete(pod)
      pod.isLeaving = true
      publish()
      await this.start(pod.kind, pod.node)
    },
    /** What stands in front is told what it knows. */
    publishAgain: () => onEndpoints(readyEndpoints()),
    /** Resolves when all of them are ready, and what stands in front knows it. */
    async areReady() {
      for (const pod of pods) await isReady(pod)
      await delay(endpointsDelayMs)
      await publishing
    },
    async stop() {
      isOver = true
      await publishing
      for (const { running } of pods) running.process.kill('SIGKILL')
      await Promise.all([...pods].map(({ running }) => running.exited))
    },
    output: () => [...pods].map(({ node, running }) => `${node.zone}: ${running.output()}`),
  }
}

export type Pods = ReturnType<typeof startPods>

const answersReady = (endpoint: string, timeoutMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    const asked = get(`http://${endpoint}/ready`, { agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    asked.setTimeout(timeoutMs, () => asked.destroy(new Error('no answer in time')))
    asked.on('error', () => resolve(false))
  })

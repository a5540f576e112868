// A real Kubernetes API server with an etcd of its own: it stores and validates objects, and runs nothing.

import { generateKeyPairSync } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, loopback } from '../../scripts/stack/ports.ts'
import { startService, type Service } from '../../scripts/stack/service.ts'
import { etcd, kubeApiServer } from './kube-binaries.ts'
import type { Manifest } from './render.ts'

export type KubeApi = {
  /** Why it refuses the object, or what it warns of; nothing when it takes it. */
  faults(manifest: Manifest, how: { readonly isDryRun: boolean }): Promise<readonly string[]>
  stop(): Promise<void>
}

type Resource = { readonly name: string; readonly kind: string; readonly namespaced: boolean }
/** Where objects of a kind are. */
type Place = { readonly path: string; readonly plural: string; readonly isNamespaced: boolean }
type Reply = { readonly status: number; readonly body: string; readonly warnings: string }

const startTimeoutMs = 120_000
const stopTimeoutMs = 10_000
/** A custom resource is served some time after its definition was taken. */
const servedTimeoutMs = 30_000
const pollIntervalMs = 200
const token = 'accept'

export const startKubeApi = async (
  directory: string,
  say: (line: string) => void,
): Promise<KubeApi> => {
  const store = await startEtcd(directory)
  const port = await freePort()
  const key = join(directory, 'service-accounts.pem')
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  await writeFile(join(directory, 'tokens.csv'), `${token},accept,accept,system:masters\n`, {
    mode: 0o600,
  })
  const send = (method: string, path: string, body = ''): Promise<Reply> =>
    ask({ port, directory, method, path, body })
  const server = await startService({
    name: 'kube-apiserver',
    url: `https://${loopback}:${port}`,
    port,
    directory,
    command: await kubeApiServer(say),
    args: [
      `--etcd-servers=${store.url}`,
      `--bind-address=${loopback}`,
      `--secure-port=${port}`,
      `--cert-dir=${directory}`,
      `--token-auth-file=${join(directory, 'tokens.csv')}`,
      '--service-cluster-ip-range=10.0.0.0/24',
      '--service-account-issuer=https://localhost',
      `--service-account-signing-key-file=${key}`,
      `--service-account-key-file=${key}`,
    ],
    answers: async () => {
      const { status, body } = await send('GET', '/readyz')
      if (status !== 200) throw new Error(body)
    },
    startTimeoutMs,
    stopSignal: 'SIGTERM',
    stopTimeoutMs,
  })

  const known = new Map<string, readonly Resource[]>()
  const placeOf = async ({ apiVersion, kind }: Manifest): Promise<Place> => {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
    const deadline = Date.now() + servedTimeoutMs
    while (Date.now() < deadline) {
      // `deployments/scale` is of another kind, `deployments/status` of the same.
      const found = known.get(root)?.find((one) => one.kind === kind && !one.name.includes('/'))
      if (found) return { path: root, plural: found.name, isNamespaced: found.namespaced }
      const { status, body } = await send('GET', root)
      if (status === 200) {
        known.set(root, (JSON.parse(body) as { resources: readonly Resource[] }).resources)
      }
      await delay(pollIntervalMs)
    }
    throw new Error(`${apiVersion} ${kind} is not served`)
  }

  return {
    async faults(manifest, { isDryRun }) {
      const { path: root, plural, isNamespaced } = await placeOf(manifest)
      const { metadata } = manifest
      const namespace = isNamespaced ? `/namespaces/${metadata['namespace'] as string}` : ''
      const query = `fieldManager=accept&fieldValidation=Strict&force=true${isDryRun ? '&dryRun=All' : ''}`
      const path = `${root}${namespace}/${plural}/${metadata.name}?${query}`
      const { status, body, warnings } = await send('PATCH', path, JSON.stringify(manifest))
      if (status >= 300) return [(JSON.parse(body) as { message: string }).message]
      return warnings === '' ? [] : [warnings]
    },
    async stop() {
      await server.stop()
      await store.stop()
    },
  }
}

const startEtcd = async (directory: string): Promise<Service> => {
  const [port, peerPort] = [await freePort(), await freePort()]
  const url = `http://${loopback}:${port}`
  const peerUrl = `http://${loopback}:${peerPort}`
  return startService({
    name: 'etcd',
    url,
    port,
    directory,
    command: await etcd(),
    args: [
      `--data-dir=${join(directory, 'etcd')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      '--unsafe-no-fsync=true',
    ],
    answers: async () => {
      const { ok, status } = await fetch(`${url}/health`)
      if (!ok) throw new Error(`/health was answered ${status}`)
    },
    startTimeoutMs,
    stopSignal: 'SIGTERM',
    stopTimeoutMs,
  })
}

const ask = async ({
  port,
  directory,
  method,
  path,
  body,
}: {
  readonly port: number
  readonly directory: string
  readonly method: string
  readonly path: string
  readonly body: string
}): Promise<Reply> => {
  // It signs its certificate itself, in the directory that it is given.
  const ca = await readFile(join(directory, 'apiserver.crt'))
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      // It refuses a GET that has one.
      ...(body === '' ? {} : { 'content-type': 'application/apply-patch+yaml' }),
    }
    const sent = request({ host: loopback, port, method, path, headers, ca }, (response) => {
      const warnings = response.headers.warning ?? ''
      text(response).then(
        (said) => resolve({ status: response.statusCode ?? 0, body: said, warnings }),
        reject,
      )
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

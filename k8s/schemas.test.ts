// Every manifest, as each overlay renders it, is one that Kubernetes would take.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { readManifests, render, type Manifest } from '../testing/k8s/render.ts'
import { faultsOf } from '../testing/k8s/schemas.ts'
import { overlays, readOverlay } from '../testing/k8s/workloads.ts'

for (const overlay of overlays) {
  void t.test(`${overlay} fits the schemas of Kubernetes, field for field`, async (t) => {
    const { manifests } = readOverlay(overlay)
    t.ok(manifests.length >= 24)
    for (const one of manifests) {
      t.strictSame(faultsOf(one), [], `${one.kind} ${one.metadata.name}`)
      const isNamed = one.kind === 'Namespace' || one.metadata['namespace'] === 'todos'
      t.ok(isNamed, `${one.kind} ${one.metadata.name} is in the namespace`)
    }
  })
}

void t.test('so does the example of a Secret', async (t) => {
  for (const one of readManifests(new URL('secret.example.yaml', import.meta.url))) {
    t.strictSame(faultsOf(one), [])
  }
})

void t.test('what Kubernetes would refuse is found', async (t) => {
  const deployment = (change: (text: string) => string): Manifest =>
    JSON.parse(
      change(
        JSON.stringify(readOverlay('base').manifests.find((one) => one.kind === 'Deployment')),
      ),
    ) as Manifest
  t.strictSame(faultsOf(deployment((text) => text)), [])
  for (const [from, to, fault] of [
    ['"maxUnavailable":0', '"maxUnavailible":0', /maxUnavailible is not a field/],
    ['"containerPort":8080', '"containerPort":"8080"', /containers\/0\/ports\/0\/containerPort/],
    ['"type":"RollingUpdate"', '"type":"Rolling"', /strategy\/type/],
    ['"selector":{', '"selektor":{', /selector|selektor/],
    ['"periodSeconds":10', '"periodSeconds":10,"periodSecond":1', /livenessProbe\/periodSecond is/],
    ['"seconds":5', '"seconds":null', /preStop\/sleep\/seconds has no value/],
    ['"kind":"Deployment"', '"kind":"Deploy"', /no schema for apps\/v1 Deploy/],
  ] as const) {
    t.match(faultsOf(deployment((text) => text.replace(from, to))).join('\n'), fault, to)
  }
})

void t.test('an overlay is rendered as kustomize does it, or not at all', async (t) => {
  const rendered = await renderFiles(t, {
    'base/kustomization.yaml': 'namespace: there\nresources: [pod.yaml]',
    'base/pod.yaml': `{kind: Pod, apiVersion: v1, metadata: {name: p, labels: {a: b}}, spec: {hostname: h,
      containers: [{name: x, image: app:1, args: [a, b], env: [{name: A, value: 1}, {name: B, value: 2}]},
      {name: z, image: other:1}]}}`,
    'kustomization.yaml':
      'resources: [base]\nimages: [{name: app, newName: r/app, newTag: "2"}]\npatches: [{path: p.yaml}]',
    'p.yaml': `{kind: Pod, apiVersion: v1, metadata: {name: p, namespace: there}, spec: {hostname: null,
      containers: [{name: x, args: [c], env: [{name: B, value: 3}, {name: C, value: 4}]}]}}`,
  })
  t.strictSame(rendered, [
    {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'p', labels: { a: 'b' }, namespace: 'there' },
      spec: {
        containers: [
          {
            name: 'x',
            image: 'r/app:2',
            args: ['c'],
            env: [
              { name: 'B', value: 3 },
              { name: 'C', value: 4 },
              { name: 'A', value: 1 },
            ],
          },
          { name: 'z', image: 'other:1' },
        ],
      },
    },
  ])
  const pod =
    '{kind: Pod, apiVersion: v1, metadata: {name: p}, spec: {ports: [{containerPort: 1}]}}'
  for (const [kustomization, patch, reason] of [
    ['namePrefix: a-\nresources: [pod.yaml]', pod, /can't do namePrefix/],
    ['resources: [pod.yaml]\npatches: [{path: p.yaml}]', pod, /how to merge ports/],
    [
      'resources: [pod.yaml]\npatches: [{path: p.yaml}]',
      pod.replace('name: p', 'name: q'),
      /which is not there/,
    ],
  ] as const) {
    const files = { 'kustomization.yaml': kustomization, 'pod.yaml': pod, 'p.yaml': patch }
    await t.rejects(renderFiles(t, files), reason)
  }
})

const renderFiles = async (t: Test, files: Readonly<Record<string, string>>) => {
  const directory = t.testdir()
  await mkdir(join(directory, 'base'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  return render(pathToFileURL(`${directory}/`))
}

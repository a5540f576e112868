// What `kubectl kustomize` makes of a directory, for tests that have no kubectl: as much of it as our
// overlays use. What it does not know is an error, so that nothing is rendered wrongly in silence.

import { readFileSync, statSync } from 'node:fs'
import { parse, parseAllDocuments } from 'yaml'

export type Fields = { readonly [name: string]: Value }
export type Value = string | number | boolean | null | Fields | readonly Value[]

export type Manifest = Fields & {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Fields & { readonly name: string }
}

type Kustomization = {
  readonly apiVersion: string
  readonly kind: 'Kustomization' | 'Component'
  readonly namespace?: string
  readonly resources?: readonly string[]
  readonly components?: readonly string[]
  readonly images?: readonly { name: string; newName?: string; newTag?: string }[]
  readonly patches?: readonly { path: string }[]
}

/** Kubernetes reads YAML 1.1, in which no, off and n are false. */
const yaml = { version: '1.1', uniqueKeys: true } as const

const known = ['apiVersion', 'kind']
/** Kinds that are in no namespace; of all that Kubernetes has, those that we have. */
const clusterWide = ['Namespace']

/** Every manifest of a kustomization, `directory` ending in a slash. */
export const render = (directory: URL): Manifest[] => renderOn([], directory)

/** A component gets what is there already, and its patches change that too. */
const renderOn = (before: readonly Manifest[], directory: URL): Manifest[] => {
  const file = new URL('kustomization.yaml', directory)
  const { namespace, resources, components, images, patches, ...rest } = parse(
    readFileSync(file, 'utf8'),
    yaml,
  ) as Kustomization
  const unknown = Object.keys(rest).filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`${file.pathname}: render.ts can't do ${unknown.join()}`)

  const own = (resources ?? []).flatMap((path) => {
    const url = new URL(path, directory)
    return statSync(url).isDirectory() ? render(new URL(`${url.href}/`)) : readManifests(url)
  })
  let manifests = (components ?? []).reduce(
    (all, path) => renderOn(all, new URL(`${path}/`, directory)),
    [...before, ...own],
  )
  if (namespace !== undefined) {
    manifests = manifests.map((one) =>
      clusterWide.includes(one.kind) ? one : (merge(one, { metadata: { namespace } }) as Manifest),
    )
  }
  for (const { path } of patches ?? []) {
    for (const patch of readManifests(new URL(path, directory))) {
      const target = manifests.findIndex((one) => nameOf(one) === nameOf(patch))
      if (target === -1) throw new Error(`${path} patches ${nameOf(patch)}, which is not there`)
      if (patch['$patch'] === 'delete') manifests = manifests.toSpliced(target, 1)
      else
        manifests = manifests.with(target, merge(manifests[target] as Manifest, patch) as Manifest)
    }
  }
  for (const { name, newName, newTag } of images ?? []) {
    manifests = manifests.map((one) => renamed(one, name, newName, newTag) as Manifest)
  }
  return manifests
}

/** The documents of one file. */
export const readManifests = (file: URL): Manifest[] =>
  parseManifests(readFileSync(file, 'utf8'), file.pathname)

/** `source` names the text where it has a fault. */
export const parseManifests = (text: string, source: string): Manifest[] =>
  parseAllDocuments(text, yaml).map((document) => {
    const [fault] = [...document.errors, ...document.warnings]
    if (fault) throw new Error(`${source}: ${fault.message}`)
    return document.toJS() as Manifest
  })

const nameOf = ({ apiVersion, kind, metadata }: Manifest): string =>
  JSON.stringify([apiVersion, kind, metadata['namespace'], metadata.name])

/** Lists of objects that Kubernetes merges, and by which field; and those that it replaces. */
const mergedBy: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  // Of a Service. Those of a container have containerPort, and are not patched here.
  ports: 'port',
}
const replaced = ['rules', 'tls', 'ingress']

/** A strategic merge: maps are merged, null removes, lists are merged by name or replaced. */
const merge = (into: Fields, patch: Fields): Fields => {
  const merged: Record<string, Value> = { ...into }
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) throw new Error(`render.ts can't do ${name}`)
    if (value === null) Reflect.deleteProperty(merged, name)
    else merged[name] = mergeValue(name, into[name], value)
  }
  return merged
}

const mergeValue = (name: string, into: Value | undefined, patch: Value): Value => {
  if (isFields(into) && isFields(patch)) return merge(into, patch)
  if (!isFieldsList(into) || !isFieldsList(patch) || replaced.includes(name)) return patch
  const key = mergedBy[name]
  if (key === undefined || ![...into, ...patch].every((one) => key in one)) {
    throw new Error(`render.ts does not know how to merge ${name}`)
  }
  const same = (a: Fields, b: Fields) => a[key] === b[key]
  // kustomize puts those of the patch in front; the order of variables that name others matters.
  return [
    ...patch.map((one) => merge(into.find((other) => same(other, one)) ?? {}, one)),
    ...into.filter((one) => !patch.some((other) => same(one, other))),
  ]
}

const renamed = (value: Value, name: string, newName = name, newTag?: string): Value => {
  if (Array.isArray(value)) {
    return value.map((one: Value) => renamed(one, name, newName, newTag))
  }
  if (!isFields(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => {
      if (field !== 'image' || typeof inner !== 'string') {
        return [field, renamed(inner, name, newName, newTag)]
      }
      const [image, tag] = inner.split(':')
      return [field, image === name ? `${newName}:${newTag ?? tag ?? ''}` : inner]
    }),
  )
}

export const isFields = (value: Value | undefined): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isFieldsList = (value: Value | undefined): value is readonly Fields[] =>
  Array.isArray(value) && value.every((one: Value) => isFields(one))

// What some two thousand processes of a test run would each do again at their start is kept: TypeScript
// without its types, and where the modules of packages are; packages come as bundles (bundled-packages.ts).
// The start of a server takes half of it. testing/run.ts has every Node require this, by NODE_OPTIONS.

'use strict'

const http = require('node:http')
const nodeModule = require('node:module')
const { readFileSync, renameSync, statSync, writeFileSync } = require('node:fs')
const { fileURLToPath } = require('node:url')

const directory = process.env.QUICK_START_DIRECTORY

/**
 * Node warns that this function is experimental; that it strips types by itself is not any more.
 * @param {string} text
 */
const strip = (text) => {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return nodeModule.stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}

/** @param {string} path */
const read = (path) => {
  const { mtimeMs, size } = statSync(path)
  const kept = `${directory}/${path.replaceAll('/', '%')}-${mtimeMs}-${size}`
  try {
    return readFileSync(kept)
  } catch {
    // Nobody has been here yet.
  }
  const stripped = strip(readFileSync(path, 'utf8'))
  try {
    // Renamed, so that nobody reads a part of it.
    writeFileSync(`${kept}.${process.pid}`, stripped)
    renameSync(`${kept}.${process.pid}`, kept)
  } catch {
    // The run is over, or this user may not write there.
  }
  return stripped
}

/** @param {string} url */
const isOurs = (url) =>
  url.startsWith('file:') && url.endsWith('.ts') && !url.includes('/node_modules/')

/**
 * It names a file as it is: Node would look for it, for its real path, and for the package around it.
 * @param {string} specifier
 */
const isRelative = (specifier) => specifier.startsWith('.') && specifier.endsWith('.ts')

/** @typedef {{ readonly url: string, readonly format: string | null | undefined }} Resolved */

const resolutions = `${directory}/resolutions.json`

/**
 * @param {string} path
 * @returns {unknown}
 */
const readJson = (path) => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return {} // nobody has been here yet
  }
}
const readResolutions = () => /** @type {Record<string, Resolved>} */ (readJson(resolutions))
const known = readResolutions()
/** Where bundled-packages.ts has them. */
const packages = /** @type {Record<string, string>} */ (readJson(`${directory}/packages.json`))
/** @type {Record<string, Resolved>} */
const found = {}

/** What another writes meanwhile may be lost: it is found again. */
const keepResolutions = () => {
  if (Object.keys(found).length === 0) return
  try {
    writeFileSync(
      `${resolutions}.${process.pid}`,
      JSON.stringify({ ...readResolutions(), ...found }),
    )
    renameSync(`${resolutions}.${process.pid}`, resolutions)
  } catch {
    // The run is over, or this user may not write there.
  }
}

/** @type {import('node:module').ResolveHookSync} */
const resolve = (specifier, context, next) => {
  const { parentURL = '', conditions } = context
  // Types are stripped below: to load it takes 0.4 s, for what Node 22 does by itself.
  if (specifier === 'tsx')
    return { url: 'data:text/javascript,', format: 'module', shortCircuit: true }
  if (isOurs(parentURL) && isRelative(specifier)) {
    return { url: new URL(specifier, parentURL).href, shortCircuit: true }
  }
  const isRequired = conditions.includes('require')
  const bundle = isOurs(parentURL) && !isRequired && packages[specifier]
  if (bundle) return { url: bundle, format: 'module', shortCircuit: true }
  const key = [parentURL, specifier, isRequired].join(' ')
  const kept = known[key]
  if (kept) return { ...kept, shortCircuit: true }
  const result = next(specifier, context)
  // A test is loaded once.
  const isLoadedOften = parentURL.startsWith('file:') && !parentURL.endsWith('.test.ts')
  if (isLoadedOften && result.url.includes('/node_modules/')) {
    found[key] = { url: result.url, format: result.format }
  }
  return result
}

// An old Node, which a test starts to see it refused, has no such hooks.
if (directory && nodeModule.registerHooks) {
  process.once('exit', keepResolutions)
  nodeModule.registerHooks({
    resolve,
    load: (url, context, next) =>
      isOurs(url)
        ? { format: 'module', source: read(fileURLToPath(url)), shortCircuit: true }
        : next(url, context),
  })
}

// Whoever imports node:http reads all that it has, and to have these Node loads undici. Nobody here uses them.
for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) Reflect.deleteProperty(http, name)

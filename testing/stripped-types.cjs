// Keeps TypeScript without its types, for all processes of a test run: some two thousand start, and Node
// would strip the same 200 files again in each, which is half of what the start of a server costs.
// testing/run.ts has every Node require this, by NODE_OPTIONS.

'use strict'

const nodeModule = require('node:module')
const { readFileSync, renameSync, statSync, writeFileSync } = require('node:fs')
const { fileURLToPath } = require('node:url')

const directory = process.env.STRIPPED_TYPES_DIRECTORY

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

// An old Node, which a test starts to see it refused, has no such hooks.
if (directory && nodeModule.registerHooks) {
  nodeModule.registerHooks({
    resolve: (specifier, context, next) =>
      isOurs(context.parentURL ?? '') && isRelative(specifier)
        ? { url: new URL(specifier, context.parentURL).href, shortCircuit: true }
        : next(specifier, context),
    load: (url, context, next) =>
      isOurs(url)
        ? { format: 'module', source: read(fileURLToPath(url)), shortCircuit: true }
        : next(url, context),
  })
}

// Tells which test an uncaught error is of, in place of the package by which tap does: that one has Node
// follow each promise until it is collected, which took a quarter of the processor in busy tests.
// testing/run.ts has every Node require this, by NODE_OPTIONS.

'use strict'

const { AsyncLocalStorage } = require('node:async_hooks')
const nodeModule = require('node:module')
const { pathToFileURL } = require('node:url')

const replaced = 'async-hook-domain'

/** @type {AsyncLocalStorage<Domain>} */
const current = new AsyncLocalStorage()
let live = 0

/**
 * @param {unknown} error
 * @param {NodeJS.UncaughtExceptionOrigin} origin
 */
const onUncaught = (error, origin) => {
  let domain = current.getStore()
  while (domain?.isDestroyed) domain = domain.parent
  if (!domain) throw error
  domain.onerror(error, origin)
}

/** What begins where it was made is its own; what outlives it is its parent's. */
class Domain {
  parent = current.getStore()
  isDestroyed = false

  /** @param {(error: unknown, origin: string) => void} onerror */
  constructor(onerror) {
    this.onerror = onerror
    current.enterWith(this)
    if (live++ === 0) process.on('uncaughtException', onUncaught)
  }

  destroy() {
    if (this.isDestroyed) return
    this.isDestroyed = true
    if (--live === 0) process.off('uncaughtException', onUncaught)
  }
}
exports.Domain = Domain

const isTest = process.argv[1]?.endsWith('.test.ts')
// Node 24 keeps the store of a scope elsewhere: what a test begins would count as its parent's.
if (isTest && process.versions.node.startsWith('22.') && nodeModule.registerHooks) {
  const url = pathToFileURL(__filename).href
  nodeModule.registerHooks({
    resolve: (specifier, context, next) =>
      specifier === replaced ? { url, shortCircuit: true } : next(specifier, context),
  })
}

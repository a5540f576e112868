// Keeps the page in the browser, so that it opens without a network. It keeps nothing of the API: the page itself
// remembers lists and changes. A new build is a new worker, which takes over when the last page of the old is gone.

/// <reference lib="webworker" />
export type {}
const worker = globalThis as unknown as ServiceWorkerGlobalScope

/** The build writes the names of its files here. */
const files = JSON.parse('__ASSETS__') as readonly string[]
const place = '/app'
const scope = `${place}/`
const prefix = 'todos-page-'

/** A hash of the names, which have hashes of what is in them. */
const version = files
  .join()
  .split('')
  .reduce((hash, char) => (hash * 31 + char.charCodeAt(0)) >>> 0, 7)
const cacheName = `${prefix}${version.toString(36)}`
/** For a page that answers slowly, the one that is kept is shown. */
const pageWithinMs = 3_000

worker.addEventListener('install', (event) => {
  const all = [place, `${scope}icon.svg`, `${scope}manifest.webmanifest`]
  const addresses = [...new Set([...all, ...files.map((file) => scope + file)])]
  event.waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll(addresses))
      .then(() => worker.skipWaiting()),
  )
})

worker.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => names.filter((name) => name.startsWith(prefix) && name !== cacheName))
      .then((old) => Promise.all(old.map((name) => caches.delete(name))))
      .then(() => worker.clients.claim()),
  )
})

worker.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== worker.location.origin) return
  if (pathname !== place && !pathname.startsWith(scope)) return
  event.respondWith(request.mode === 'navigate' ? page(request) : asset(request))
})

/** The newest, or the one that is kept. */
const page = async (request: Request): Promise<Response> => {
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(pageWithinMs) })
    if (answer.ok) return answer
    throw new Error(`HTTP ${answer.status}`)
  } catch (error) {
    const kept = await caches.match(place)
    if (kept) return kept
    throw error
  }
}

/** Their names say what is in them: what is kept is right. */
const asset = async (request: Request): Promise<Response> =>
  (await caches.match(request)) ?? fetch(request)

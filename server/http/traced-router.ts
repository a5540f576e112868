// The router, with a span for each request that a handler answers. Without tracing it is the router itself;
// ready lists never come here.

import type { Tracing } from '../../lib/runtime/tracing.ts'
import type { App } from './engines/engine.ts'
import { createRouter, type RouterParts } from './router.ts'

/** `untraced`: paths that are asked every second, and say nothing. */
export const createTracedRouter = (
  tracing: Tracing | undefined,
  untraced: readonly string[],
  parts: RouterParts,
): App['handle'] => {
  if (!tracing) return createRouter(parts)
  const handle = createRouter({
    ...parts,
    onAnswered(answered) {
      parts.onAnswered?.(answered)
      const { method, route, status, requestId } = answered
      const span = tracing.active()
      if (route !== '') span?.rename(`${method} ${route}`)
      span?.set({
        ...(route !== '' && { 'http.route': route }),
        'http.response.status_code': status,
        'http.response.header.x-request-id': [requestId],
      })
      span?.end(status >= 500 ? String(status) : undefined)
    },
  })
  return (request) => {
    const { method, path } = request
    if (untraced.includes(path)) return handle(request)
    const span = tracing.start({
      name: method,
      kind: 'server',
      attributes: { 'http.request.method': method, 'url.path': path, 'url.scheme': 'http' },
      parent: request.header('traceparent'),
    })
    return tracing.within(span, () => handle(request))
  }
}

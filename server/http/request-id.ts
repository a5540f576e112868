// What a request is called from here to the worker's log: what its client, or the proxy in front,
// calls it already, or a new id. Pure but for making ids.

import hyperid from 'hyperid'
import type { Request } from './engines/engine.ts'

/** As long as one is in the record of a command, too: see lib/domain/command.ts. */
const safeId = /^[A-Za-z0-9._~:/+=@-]{1,128}$/

/** W3C Trace Context section 3.2: version, trace id, parent id, flags; later versions may go on. */
const traceparent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/

const newId = hyperid({ urlSafe: true, fixedLength: true })

export const requestIdOf = (request: Pick<Request, 'header'>): string => {
  const trace = request.header('traceparent')
  const traceId = trace === undefined ? undefined : traceIdOf(trace)
  if (traceId !== undefined) return traceId
  const given = request.header('x-request-id')
  return given !== undefined && safeId.test(given) ? given : newId()
}

/** Undefined for a header that the standard says to ignore. */
export const traceIdOf = (header: string): string | undefined => {
  const [, version, traceId = '', parentId = '', more] = traceparent.exec(header) ?? []
  if (version === undefined || version === 'ff') return undefined
  if (version === '00' && more !== undefined) return undefined
  return /^0+$/.test(traceId) || /^0+$/.test(parentId) ? undefined : traceId
}

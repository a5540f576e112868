// The endpoints and their document, without a server: what the pages of the API are printed from.

import { about } from '../../server/features/docs/about.ts'
import { createEndpoints, type Parts } from '../../server/features/index.ts'
import { documentOf } from '../../server/http/contract/document.ts'
import type { Endpoint } from '../../server/http/contract/endpoint.ts'
import { operationsOf, type DescribedOperation } from '../../server/http/contract/openapi.ts'

/** Handlers use their parts when they are asked for something, and nobody asks here. */
export const endpoints = createEndpoints({ accounts: {}, operations: {}, publicUrl: '' } as Parts)
export const document = documentOf(endpoints, about)
export const operations = operationsOf(document)

export const endpointOf = ({ operation }: DescribedOperation): Endpoint => {
  const found = endpoints.find(({ operationId }) => operationId === operation.operationId)
  if (!found) throw new Error(`no endpoint is called ${operation.operationId}`)
  return found
}

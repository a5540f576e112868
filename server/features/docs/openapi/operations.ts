// The document's operations as a list, for what goes through all of them.

import type { Method, OpenApi, Operation } from './openapi.ts'

export type Described = {
  readonly path: string
  readonly method: Method
  readonly operation: Operation
}

export const operationsOf = ({ paths }: OpenApi): Described[] =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      ...{ path, method: method as Method, operation },
    })),
  )

// The document of all endpoints, without a server. For tests.

import { about } from '../../server/features/docs/about.ts'
import { createEndpoints, type Parts } from '../../server/features/index.ts'
import { documentOf } from '../../server/http/contract/document.ts'
import { problemCatalogue } from '../../server/http/contract/problem-catalogue.ts'

/** Handlers use their parts when they are asked for something, and nobody asks here. */
export const endpoints = createEndpoints({ accounts: {}, operations: {}, publicUrl: '' } as Parts)
export const document = documentOf(endpoints, about)
export const problems = problemCatalogue(endpoints)

// What the endpoints of the page share: how they are described, and how they answer.

import { optional, string } from '../../../lib/domain/shape.ts'
import type { Described } from '../../http/contract/answer.ts'
import type { Tag } from '../../http/contract/endpoint.ts'
import { ifNoneMatch } from '../../http/contract/parameters.ts'
import { Problem, type ProblemKind } from '../../http/problem.ts'
import { notAcceptable } from '../../http/problems.ts'
import type { Reply } from '../../http/engines/engine.ts'
import { contentEncoding, etag, vary } from '../../http/response-headers.ts'
import { caching, constants } from './headers.ts'
import type { Page } from './open.ts'

export type PageParts = { readonly page: Page }

export const tag: Tag = {
  isUnversioned: true,
  name: 'The page',
  description: 'The application for people, in a browser: one page, and the files that it needs.',
}

export const notBuilt: ProblemKind = {
  type: {
    slug: 'page-not-built',
    status: 404,
    when: 'The page was not built, or is being built just now.',
    remedy: 'Run `npm run build:web` where the server is installed; `npm start` does it by itself.',
  },
  detail: 'the page is not built: run npm run build:web',
}

export const headers = {
  ifNoneMatch,
  acceptEncoding: {
    name: 'Accept-Encoding',
    description: 'Compressions that the client accepts.',
    example: 'br, gzip',
    shape: optional(string()),
  },
}

export const notModified: Described = {
  status: 304,
  description: 'Not modified: what the client has (`If-None-Match`) is current.',
  component: 'PageNotModified',
  isReady: true,
  headers: [etag, caching, vary],
}

export const fileHeaders = [etag, caching, vary, contentEncoding, ...constants]

export const problems = [notBuilt, notAcceptable]

/** In the form that the request asks for. */
export const replyOf = async (
  { page }: PageParts,
  name: string,
  given: {
    readonly acceptEncoding?: string | undefined
    readonly ifNoneMatch?: string | undefined
  },
): Promise<Reply | 'unknown'> => {
  const replies = await page.find(name)
  if (replies === 'not-built') throw new Problem(notBuilt)
  if (replies === 'unknown') return replies
  const reply = replies(given.acceptEncoding, given.ifNoneMatch)
  if (!reply) throw new Problem(notAcceptable)
  return reply
}

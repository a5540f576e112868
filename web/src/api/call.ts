// One request to the API, typed by its document. It knows neither sessions nor retries.

import type { Operations, Problem } from './operations.ts'
import { ApiProblem, Unreachable } from './problem.ts'

export type Route = keyof Operations

type Needed<T> = object extends T ? { path?: T } : { path: T }
export type Ask<R extends Route> = Needed<Operations[R]['path']> & {
  readonly query?: Operations[R]['query'] & { readonly [name: string]: unknown }
  readonly headers?: Readonly<Record<string, string>>
  readonly token?: string | undefined
} & (Operations[R]['body'] extends undefined
    ? { body?: undefined }
    : { body: Operations[R]['body'] })

export type Answer<R extends Route> = AnswerWith<Operations[R]['answer']>
export type AnswerWith<T> = {
  readonly status: number
  readonly body: T
  readonly etag: string | undefined
  /** Where the list goes on: the cursor of `Link: …; rel="next"`. */
  readonly next: string | undefined
}

/** An answer that waits for a write takes up to 20 s of it; after this nobody answers. */
const timeoutMs = 40_000
/** Health and documentation have no version, and the path of the session's cookie is without one. */
const isUnversioned = /^\/(ready|health|ping|openapi\.json|auth\/cookie\/[\w-]+)?$/

export const call = async <R extends Route>(route: R, ask: Ask<R>): Promise<Answer<R>> => {
  const [method = '', template = ''] = route.split(' ')
  const response = await fetch(addressOf(template, ask.path ?? {}, ask.query ?? {}), {
    method,
    headers: headersOf(ask),
    signal: AbortSignal.timeout(timeoutMs),
    ...(ask.body !== undefined && { body: JSON.stringify(ask.body) }),
  }).catch((error: unknown) => {
    throw new Unreachable('no answer', { cause: error })
  })
  const body = await bodyOf(response)
  if (!response.ok) throw new ApiProblem(response.status, body as Problem, response.headers)
  return {
    status: response.status,
    body: body as Operations[R]['answer'],
    etag: response.headers.get('etag') ?? undefined,
    next: nextOf(response.headers.get('link')),
  }
}

const addressOf = (template: string, path: object, query: object): string => {
  const values = path as Readonly<Record<string, string>>
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(values[name] ?? ''),
  )
  const given = Object.entries(query as Readonly<Record<string, unknown>>)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, String(value)])
  const search = given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
  return `${isUnversioned.test(template) ? '' : '/v1'}${filled}${search}`
}

type Sent = {
  readonly body?: unknown
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}
const headersOf = (ask: Sent): Record<string, string> => ({
  ...(ask.body !== undefined && { 'Content-Type': 'application/json' }),
  ...(ask.token !== undefined && { Authorization: `Bearer ${ask.token}` }),
  ...ask.headers,
})

/** An answer that ends halfway, or is a proxy's page, is none. */
const bodyOf = async (response: Response): Promise<unknown> => {
  try {
    const text = await response.text()
    return text === '' ? {} : (JSON.parse(text) as unknown)
  } catch (error) {
    if (!response.ok) return {}
    throw new Unreachable('the answer can not be read', { cause: error })
  }
}

const nextOf = (link: string | null): string | undefined => {
  const address = /<([^>]*)>; rel="next"/.exec(link ?? '')?.[1]
  return address === undefined
    ? undefined
    : (new URL(address, location.origin).searchParams.get('after') ?? undefined)
}

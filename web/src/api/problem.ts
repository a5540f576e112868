// How a request fails: the server refused it and says why, or nobody answered. A caller needs to know which,
// for the second is tried again and the first is shown.

import type { Problem } from './operations.ts'

export class ApiProblem extends Error {
  readonly status: number
  /** What went wrong, for programs: the last part of `type`. */
  readonly slug: string
  /** What is wrong with each input, by its name. */
  readonly fields: Readonly<Record<string, string>>
  readonly retryAfterMs: number | undefined
  readonly etag: string | undefined

  constructor(status: number, body: Partial<Problem>, headers: Headers) {
    super(body.detail ?? `HTTP ${status}`)
    this.status = status
    this.slug = body.type?.split('/').at(-1) ?? ''
    const errors = body.errors ?? (body.field ? [{ field: body.field, message: this.message }] : [])
    this.fields = Object.fromEntries(errors.map(({ field, message }) => [field, message]))
    const seconds = Number(headers.get('retry-after') ?? NaN)
    this.retryAfterMs = Number.isFinite(seconds) ? seconds * 1_000 : undefined
    this.etag = headers.get('etag') ?? undefined
  }

  /** The same request may be answered otherwise later. */
  get isPassing(): boolean {
    return this.status === 408 || this.status === 429 || this.status >= 500
  }
}

/** No answer: no network, or no server. */
export class Unreachable extends Error {}

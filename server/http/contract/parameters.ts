// What endpoints take besides a body: parts of the path, of the query, and headers. Each has a shape
// and what the document says of it.

import { InvalidField, shape, type Shape } from '../../../lib/domain/shape.ts'

export type Parameter<T> = {
  readonly shape: Shape<T>
  readonly description: string
  readonly example: string | number
  /** Where several endpoints take the same: what the document calls it. */
  readonly component?: string
}

/** By the name that handlers know it by; its own is in it. */
export type HeaderParameter<T> = Parameter<T> & { readonly name: string }

export type Parameters = Readonly<Record<string, Parameter<unknown>>>
export type HeaderParameters = Readonly<Record<string, HeaderParameter<unknown>>>
export type ValuesOf<P> = { readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never }

/** In a query: digits, once. `beyond`: what to do where `max` is too little. */
export const count = (max: number, beyond?: string): Shape<number> =>
  shape({ type: 'integer', minimum: 1, maximum: max }, (value, field) => {
    const number = typeof value === 'string' && /^[1-9]\d{0,9}$/.test(value) ? Number(value) : NaN
    if (number <= max) return number
    const advice = beyond === undefined ? '' : `: ${beyond}`
    throw new InvalidField(field, `${field} must be one whole number from 1 to ${max}${advice}`)
  })

export const ifNoneMatch: HeaderParameter<string | undefined> = {
  name: 'If-None-Match',
  description: 'The `ETag` of what the client has already.',
  example: '"1042-10"',
  component: 'IfNoneMatch',
  shape: shape({ type: 'string' }, (value) => value as string | undefined),
}

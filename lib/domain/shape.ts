// A shape: what a value may be, said once. Its TypeScript type, the check of what comes in, the text
// that a client reads when it is refused, and its JSON Schema all come from the same bounds. Pure.

import { Refusal } from './refusal.ts'

/** The part of JSON Schema 2020-12 that shapes use. */
export type JsonSchema = {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly $ref?: string
  readonly format?: string
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly const?: string
  readonly enum?: readonly string[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema
  readonly required?: readonly string[]
  readonly anyOf?: readonly JsonSchema[]
}

export type Shape<T> = {
  readonly schema: JsonSchema
  /** Those that the schema refers to, by name. */
  readonly definitions: Readonly<Record<string, JsonSchema>>
  /** The value as it is kept, or InvalidField. `field` is what a client calls it. */
  readonly parse: (value: unknown, field: string) => T
}

export type TypeOf<S> = S extends Shape<infer T> ? T : never

export type FieldError = { readonly field: string; readonly message: string }

/** A field that is not what it must be; `message` reads as a sentence about that field. */
export class InvalidField extends Refusal {
  override readonly name = 'InvalidField'
  readonly field: string
  /** Each field that is wrong, this one first. */
  readonly errors: readonly FieldError[]
  /** `others`: those that were found wrong besides. */
  constructor(field: string, message: string, others: readonly FieldError[] = []) {
    super(message)
    this.field = field
    this.errors = [{ field, message }, ...others]
  }
}

/** One error for all of `errors`; undefined when there are none. */
export const errorOf = ([first, ...others]: readonly FieldError[]): InvalidField | undefined =>
  first && new InvalidField(first.field, first.message, others)

/** Adds what `error` says to `errors`. */
export const collect = (errors: FieldError[], error: unknown): void => {
  if (!(error instanceof InvalidField)) throw error
  errors.push(...error.errors)
}

export const shape = <T>(
  schema: JsonSchema,
  parse: Shape<T>['parse'],
  definitions: Shape<T>['definitions'] = {},
): Shape<T> => ({ schema, definitions, parse })

/** The same shape, with a description for readers of the document. */
export const described = <T>(one: Shape<T>, description: string): Shape<T> => ({
  ...one,
  schema: { ...one.schema, description },
})

/** The same, which the document describes once, under this name. */
export const named = <T>(name: string, one: Shape<T>): Shape<T> => ({
  ...one,
  schema: { $ref: `#/components/schemas/${name}` },
  definitions: { ...one.definitions, [name]: one.schema },
})

/** Undefined without it. */
export const optional = <T>(one: Shape<T>): Shape<T | undefined> => ({
  ...one,
  parse: (value, field) => (value === undefined ? undefined : one.parse(value, field)),
})

/** `replacement` when it is null; left out it is refused, or optional. */
export const nullAs = <T>(one: Shape<T>, replacement: T): Shape<T> => ({
  ...one,
  schema: { ...one.schema, type: [one.schema.type ?? [], 'null'].flat() },
  parse: (value, field) => (value === null ? replacement : one.parse(value, field)),
})

/** `fallback` when it is left out or null. */
export const orElse = <T>(one: Shape<T>, fallback: T): Shape<T> => {
  const { schema, definitions, parse } = nullAs(one, fallback)
  return shape(
    schema,
    (value, field) => (value === undefined ? fallback : parse(value, field)),
    definitions,
  )
}

/** Any string. */
export const string = (schema: JsonSchema = {}): Shape<string> =>
  shape({ type: 'string', ...schema }, stringOf)

/** As a schema: without what Postgres and UTF-8 can't keep, U+0000 and lone surrogates. */
export const wholeTextPattern = '^[^\\u0000\\ud800-\\udfff]*$'

/** Text that can be stored: lengths count Unicode code points, as Postgres's char_length does. */
export const text = ({ min, max }: { readonly min: number; readonly max: number }): Shape<string> =>
  shape(
    {
      type: 'string',
      ...(min > 0 && { minLength: min }),
      maxLength: max,
      pattern: wholeTextPattern,
    },
    (value, field) => {
      const string = stringOf(value, field)
      // A code point is one or two units: the string is walked only where that leaves it open.
      const units = string.length
      const isOpen = units > max ? units <= max * 2 : Math.ceil(units / 2) < min
      const length = isOpen ? codePoints(string) : units
      if (length < min || length > max) {
        throw new InvalidField(field, `${field} must have ${min} to ${max} characters`)
      }
      // Postgres cannot store U+0000, and UTF-8 has no lone surrogates: neither would come back as sent.
      if (string.includes('\0') || !string.isWellFormed()) {
        throw new InvalidField(field, `${field} must not contain U+0000 or lone surrogates`)
      }
      return string
    },
  )

export const matching = (pattern: RegExp, must: string): Shape<string> =>
  shape({ type: 'string', pattern: pattern.source }, (value, field) => {
    if (typeof value === 'string' && pattern.test(value)) return value
    throw new InvalidField(field, `${field} must be ${must}`)
  })

export const boolean: Shape<boolean> = shape({ type: 'boolean' }, (value, field) => {
  if (value === undefined) throw new InvalidField(field, `${field} is required`)
  if (typeof value === 'boolean') return value
  throw new InvalidField(field, `${field} must be true or false`)
})

export const wholeNumber = (min: number, max?: number): Shape<number> =>
  shape(
    { type: 'integer', minimum: min, ...(max !== undefined && { maximum: max }) },
    (value, field) => {
      if (
        Number.isSafeInteger(value) &&
        (value as number) >= min &&
        !((value as number) > (max ?? Infinity))
      )
        return value as number
      throw new InvalidField(field, `${field} must be a whole number of at least ${min}`)
    },
  )

export const number = (min: number): Shape<number> =>
  shape({ type: 'number', minimum: min }, (value, field) => {
    if (Number.isFinite(value) && (value as number) >= min) return value as number
    throw new InvalidField(field, `${field} must be a number of at least ${min}`)
  })

/** A moment, which JSON writes as text. */
export const time: Shape<Date> = shape({ type: 'string', format: 'date-time' }, (value, field) => {
  const date = new Date(value instanceof Date ? value : stringOf(value, field))
  if (!Number.isNaN(date.getTime())) return date
  throw new InvalidField(field, `${field} must be a time`)
})

export const oneOf = <const W extends string>(...words: readonly W[]): Shape<W> =>
  shape(
    words.length === 1 ? { type: 'string', const: words[0] as W } : { type: 'string', enum: words },
    (value, field) => {
      const word = words.find((one) => one === value)
      if (word !== undefined) return word
      throw new InvalidField(field, `${field} must be ${words.join(' or ')}`)
    },
  )

export const list = <T>(of: Shape<T>): Shape<readonly T[]> =>
  shape(
    { type: 'array', items: of.schema },
    (value, field) => {
      if (!Array.isArray(value)) throw new InvalidField(field, `${field} must be a list`)
      return value.map((one) => of.parse(one, field))
    },
    of.definitions,
  )

/** An object whose members have names of their own choice. */
export const dictionary = <T>(of: Shape<T>): Shape<Readonly<Record<string, T>>> =>
  shape(
    { type: 'object', additionalProperties: of.schema },
    (value, field) =>
      Object.fromEntries(
        Object.entries(objectOf(value, field)).map(([name, one]) => [name, of.parse(one, name)]),
      ),
    of.definitions,
  )

type Members = Readonly<Record<string, Shape<unknown>>>
type Mandatory<M> = { [K in keyof M]: undefined extends TypeOf<M[K]> ? never : K }[keyof M]
export type ObjectOf<M> = { readonly [K in Mandatory<M>]: TypeOf<M[K]> } & {
  readonly [K in Exclude<keyof M, Mandatory<M>>]?: Exclude<TypeOf<M[K]>, undefined>
}

/** Members that are not named are ignored. Refused, it names each member that is wrong. */
export const object = <M extends Members>(
  members: M,
  options: {
    readonly description?: string
    /** One of the members must be there: else this is said, of this field or of the whole. */
    readonly ifEmpty?: { readonly field?: string; readonly message: string }
  } = {},
): Shape<ObjectOf<M>> => {
  const names = Object.keys(members)
  const shapes = Object.values(members)
  const required = names.filter((name) => isRequired(members[name] as Shape<unknown>))
  const { description, ifEmpty } = options
  return shape(
    {
      type: 'object',
      ...(description !== undefined && { description }),
      properties: Object.fromEntries(
        names.map((name, i) => [name, (shapes[i] as Shape<unknown>).schema]),
      ),
      ...(required.length > 0 && { required }),
      ...(ifEmpty && { anyOf: names.map((name) => ({ required: [name] })) }),
    },
    (value, field) => {
      const given = objectOf(value, field)
      const parsed: Record<string, unknown> = {}
      const errors: FieldError[] = []
      let isEmpty = true
      for (let i = 0; i < names.length; i++) {
        const name = names[i] as string
        try {
          const one = (shapes[i] as Shape<unknown>).parse(given[name], name)
          if (one === undefined) continue
          parsed[name] = one
          isEmpty = false
        } catch (error) {
          collect(errors, error)
        }
      }
      const error = errorOf(errors)
      if (error) throw error
      if (isEmpty && ifEmpty) throw new InvalidField(ifEmpty.field ?? field, ifEmpty.message)
      return parsed as ObjectOf<M>
    },
    Object.assign(
      {},
      ...shapes.map(({ definitions }) => definitions),
    ) as Shape<unknown>['definitions'],
  )
}

const isRequired = ({ parse }: Shape<unknown>): boolean => {
  try {
    parse(undefined, '')
    return false
  } catch {
    return true
  }
}

const objectOf = (value: unknown, field: string): Record<string, unknown> => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new InvalidField(field, `the ${field} must be a JSON object`)
}

const stringOf = (value: unknown, field: string): string => {
  if (typeof value === 'string') return value
  throw new InvalidField(
    field,
    `${field} ${value === undefined ? 'is required' : 'must be a string'}`,
  )
}

const codePoints = (text: string) => {
  let count = 0
  for (const _ of text) count++
  return count
}

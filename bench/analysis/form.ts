// What the members of a stored file must be. A file that lacks one is refused by that member's path,
// before any check reads it. The compiler holds a form against its type, so neither goes without the other.

/** What is wrong with `value`, which stands at `path`; undefined when nothing is. */
export type Form<T> = {
  readonly complaint: (value: unknown, path: string) => string | undefined
  /** For the compiler only. */
  readonly of?: T
}

const plain = <T>(must: string, holds: (value: unknown) => boolean): Form<T> => ({
  complaint: (value, path) =>
    holds(value)
      ? undefined
      : `${path} ${value === undefined ? 'is missing' : `is not ${must}`}: ${must} is expected`,
})

const isNumber = (value: unknown): value is number => Number.isFinite(value)

/** Not looked at. */
export const anything: Form<unknown> = { complaint: () => undefined }
export const string = plain<string>('a text', (value) => typeof value === 'string')
export const boolean = plain<boolean>('true or false', (value) => typeof value === 'boolean')
export const number = plain<number>('a number', isNumber)
/** What rates are divided by. */
export const positive = plain<number>('a number above 0', (value) => isNumber(value) && value > 0)

export const oneOf = <const W extends string | number>(...words: readonly W[]): Form<W> =>
  plain(words.join(' or '), (value) => words.some((word) => word === value))

export const orNull = <T>(form: Form<T>): Form<T | null> => ({
  complaint: (value, path) => (value === null ? undefined : form.complaint(value, path)),
})

export const optional = <T>(form: Form<T>): Form<T | undefined> => ({
  complaint: (value, path) => (value === undefined ? undefined : form.complaint(value, path)),
})

export const list = <T>(form: Form<T>): Form<readonly T[]> => ({
  complaint: (value, path) =>
    Array.isArray(value)
      ? first(value, (one, i) => form.complaint(one, `${path}[${i}]`))
      : anArray.complaint(value, path),
})

export const pair = <T>(form: Form<T>): Form<readonly [T, T]> => ({
  complaint: (value, path) =>
    Array.isArray(value) && value.length === 2
      ? list(form).complaint(value, path)
      : aPair.complaint(value, path),
})

export const dictionary = <T>(form: Form<T>): Form<Readonly<Record<string, T>>> => ({
  complaint: (value, path) =>
    isObject(value)
      ? first(Object.entries(value), ([name, one]) => form.complaint(one, `${path}.${name}`))
      : anObject.complaint(value, path),
})

/** Members that are not named may be there. */
export const members = <T>(forms: { readonly [K in keyof T]-?: Form<T[K]> }): Form<T> => ({
  complaint: (value, path) =>
    isObject(value)
      ? first(Object.entries<Form<unknown>>(forms), ([name, form]) =>
          form.complaint(value[name], path === '' ? name : `${path}.${name}`),
        )
      : anObject.complaint(value, path),
})

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const anObject = plain<object>('an object', isObject)
const anArray = plain<unknown[]>('an array', Array.isArray)
const aPair = plain<unknown>('an array of two', () => false)

const first = <T>(
  all: readonly T[],
  complaint: (one: T, i: number) => string | undefined,
): string | undefined => {
  for (const [i, one] of all.entries()) {
    const found = complaint(one, i)
    if (found !== undefined) return found
  }
  return undefined
}

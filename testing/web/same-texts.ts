// Texts of the page that are the same in two languages. Few should be, and each of those is a word that one language
// has taken from the other: what else is the same was never translated.

export type Texts = { readonly [name: string]: Texts | string | ((...given: never[]) => string) }

/** By where they stand, such as `views.status`. What takes arguments is compared with the same ones. */
export const sameTexts = (a: Texts, b: Texts, at = ''): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(a).flatMap(([name, one]): [string, string][] => {
      const other = b[name]
      const path = `${at}${name}`
      if (typeof one === 'object' && typeof other === 'object')
        return [...sameTexts(one, other, `${path}.`)]
      const [text, otherText] = [textOf(one), textOf(other)]
      return text === otherText ? [[path, text]] : []
    }),
  )

/** More than any text takes. */
const given = ['1', '2', '3'] as unknown as never[]

const textOf = (text: Texts[string] | undefined): string =>
  typeof text === 'function' ? text(...given) : typeof text === 'string' ? text : ''

// Whether a text shows anything at all: a title of blanks and invisible characters is a row that
// nobody can read, or click. By Unicode's properties, and the few blanks that have none.

import { InvalidField, shape, type Shape } from './shape.ts'

/**
 * Blank, though no property says so: between interlinear annotations, a Braille pattern without dots,
 * Egyptian and Khitan format characters, and a musical symbol for none.
 */
const blankAnyhow = '\\ufff9-\\ufffb\\u2800\\u{13430}-\\u{1343f}\\u{16fe4}\\u{1d159}'

/** Not all of \p{Cf}: some of those are seen, such as U+0600, the Arabic number sign. */
const visible = new RegExp(
  `[^\\p{White_Space}\\p{Default_Ignorable_Code_Point}\\p{Cc}${blankAnyhow}]`,
  'u',
)

export const isVisible = (text: string): boolean => visible.test(text)

/** The same in the dialect of every client; what is beyond the BMP is refused besides. */
export const invisibleInPattern =
  '\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5' +
  '\\u180b-\\u180f\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\u3164' +
  '\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb'

/** `text` that shows something. Whatever else it has to be, it was found to be before. */
export const withSomethingToSee = (text: Shape<string>): Shape<string> =>
  shape(
    {
      ...text.schema,
      // Nothing that can't be stored, and among the rest one that is seen.
      pattern: `^[^\\u0000\\ud800-\\udfff]*[^${invisibleInPattern}\\ud800-\\udfff][^\\u0000\\ud800-\\udfff]*$`,
    },
    (value, field) => {
      const string = text.parse(value, field)
      if (isVisible(string)) return string
      throw new InvalidField(field, `${field} must have a character that can be seen`)
    },
  )

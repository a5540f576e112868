// What an email address and a password may be. An address is kept in one spelling, so that one person
// is one account; whether it can receive mail is not ours to know. So is a password, in its own.

import { isCommonPassword } from './common-passwords.ts'
import { InvalidField, shape, string, wholeTextPattern, type Shape } from './shape.ts'

export const emailLengthMax = 254 // RFC 5321: a path has 256, two of them its brackets
/** The least that any setting asks for: an account may have had such a password before it was raised. */
export const passwordBytesMin = 8
/** bcrypt reads no more: a longer password would match by its beginning. */
export const passwordBytesMax = 72

/** One @, something on each side, and nothing that can't be seen: no spaces, controls, lone surrogates. */
const address = /^[^\s@\p{Cc}\p{Cf}\p{Cs}]+@[^\s@\p{Cc}\p{Cf}\p{Cs}]+$/u

/** The one spelling of an address; undefined for what is none. */
export const normaliseEmail = (text: string): string | undefined => {
  if (text.length > bodyTextMax) return undefined
  // Composed again at the end: a letter may fall apart when it becomes small.
  const email = text.trim().normalize('NFC').toLowerCase().normalize('NFC')
  return Array.from(email).length <= emailLengthMax && address.test(email) ? email : undefined
}

/** No address with spaces around it is longer; checked before anything walks the text. */
const bodyTextMax = 4 * emailLengthMax

export const newEmail: Shape<string> = shape(
  {
    type: 'string',
    maxLength: bodyTextMax,
    // All that a pattern can say in every client's dialect; what can't be seen is refused besides.
    pattern: '^\\s*[^\\s@]+@[^\\s@]+\\s*$',
    description: `An address, one however its letters are cased: at most ${emailLengthMax} characters.`,
  },
  (value, field) => {
    const email = normaliseEmail(string().parse(value, field))
    if (email !== undefined) return email
    throw new InvalidField(
      field,
      `${field} must be an address with an @, of at most ${emailLengthMax} characters`,
    )
  },
)

/**
 * The one spelling of a password (RFC 8265 4.2.2, OpaqueString): keyboards write ü as one character or
 * as two, and spaces of several widths, and their owners can't see which.
 */
export const normalisePassword = (text: string): string =>
  text.replace(/\p{Zs}/gu, ' ').normalize('NFC')

/** bcrypt ends at U+0000, and lone surrogates become one and the same character in UTF-8. */
export const isPossiblePassword = (text: string): boolean => {
  const bytes = Buffer.byteLength(text)
  const isWhole = !text.includes('\0') && text.isWellFormed()
  return isWhole && bytes >= passwordBytesMin && bytes <= passwordBytesMax
}

/** What is asked of a new password. One that an account has already goes on working. */
export type PasswordRules = {
  readonly bytesMin: number
  readonly bytesMax: number
  readonly refusesCommon: boolean
}

export const usualPasswordRules: PasswordRules = {
  bytesMin: passwordBytesMin,
  bytesMax: passwordBytesMax,
  refusesCommon: true,
}

export const newPassword = (rules: PasswordRules = usualPasswordRules): Shape<string> => {
  const { bytesMin, bytesMax, refusesCommon } = rules
  const bytes = `${bytesMin} to ${bytesMax} bytes`
  const notCommon = refusesCommon ? ' One of the commonest is refused.' : ''
  return shape(
    {
      type: 'string',
      // A schema counts characters as they are sent. Composed, one may have twelve bytes (U+1D160), and
      // three may have two (ΐ).
      minLength: Math.ceil(bytesMin / 12),
      maxLength: (bytesMax * 3) / 2,
      pattern: wholeTextPattern,
      description: `${bytes} in UTF-8, once it is in Unicode's form NFC; without U+0000 and lone surrogates. Spaces of any kind are one (RFC 8265).${notCommon}`,
    },
    (value, field) => {
      const password = normalisePassword(string().parse(value, field))
      const length = Buffer.byteLength(password)
      if (!isPossiblePassword(password) || length < bytesMin || length > bytesMax) {
        throw new InvalidField(
          field,
          `${field} must have ${bytes} of UTF-8, without U+0000 or lone surrogates`,
        )
      }
      if (refusesCommon && isCommonPassword(password))
        throw new InvalidField(field, `${field} is one of the commonest: choose another`)
      return password
    },
  )
}

// Settings: tokens, logins and passwords.

import { oneOf, wholeNumber, type Setting } from './table.ts'

/** Half of such a key is public, or it was made for something else. */
const isKeyFile = /-----BEGIN|^\s*\{/
/** Secrets copied from documentation. */
const isPlaceholder =
  /(change|replace).?(me|this|it)|your.{0,20}secret|default|example|placeholder|super.?secret|string-secret/i
/** So long ago a session may have been revoked of which a token is still good, whatever it is set to now. */
export const accessTtlSecMax = 86_400
export const clockLeewaySecMax = 60

/** Each is tried on a token that none before it has signed, which costs 6 us. */
const acceptedSecretsMax = 3
const acceptedSecretsText = `up to ${acceptedSecretsMax} secrets, separated by commas`

const checkSecret = (text: string): string => {
  if (Buffer.byteLength(text) < 32) {
    throw new Error('a secret of at least 32 bytes, such as the output of: openssl rand -hex 32')
  }
  if (isKeyFile.test(text)) {
    throw new Error(
      'a secret, not a key in PEM or JWK, whose public half may be known: openssl rand -hex 32',
    )
  }
  if (isPlaceholder.test(text)) {
    throw new Error('a secret of your own, not an example of one: openssl rand -hex 32')
  }
  return text
}

/** Of JWT_SECRETS_ACCEPTED. */
export const secretsIn = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')

export const accountSettings = {
  JWT_SECRET: {
    default: undefined,
    unit: 'at least 32 bytes',
    meaning: 'HS256 secret of the access tokens. Required by the server.',
    isSecret: true,
    requiredBy: ['server'],
    parse: checkSecret,
  } satisfies Setting<string>,
  JWT_SECRETS_ACCEPTED: {
    default: '',
    unit: 'secrets',
    meaning:
      'Other secrets with which tokens may be signed, separated by commas: the old one, or the next, [while one takes the place of another](../how-to/keys.md). The server signs with none of them. Empty: there are none.',
    isSecret: true,
    parse(text: string) {
      const secrets = secretsIn(text)
      try {
        if (secrets.length <= acceptedSecretsMax) return secrets.map(checkSecret).join()
      } catch (error) {
        throw new Error(`${acceptedSecretsText}, each ${(error as Error).message}`)
      }
      throw new Error(acceptedSecretsText)
    },
  } satisfies Setting<string>,
  AUTH_ACCESS_TTL_SEC: wholeNumber({
    default: 900,
    min: 1,
    max: accessTtlSecMax,
    unit: 's',
    meaning: 'Lifetime of the access tokens of a login.',
  }),
  AUTH_CLOCK_LEEWAY_SEC: wholeNumber({
    default: 5,
    min: 0,
    max: clockLeewaySecMax,
    unit: 's',
    meaning:
      "How far the clock of who signs access tokens may differ from the server's: `nbf` may be so far ahead, `exp` so long ago.",
  }),
  AUTH_REFRESH_TTL_SEC: wholeNumber({
    default: 30 * 86_400,
    min: 1,
    max: 366 * 86_400,
    unit: 's',
    meaning: 'Lifetime of a login, however often it is refreshed.',
  }),
  AUTH_REFRESH_GRACE_SEC: wholeNumber({
    default: 10,
    min: 0,
    max: 300,
    unit: 's',
    meaning:
      'For so long after a refresh token was used it may be used again, for the same successor: two tabs, or a lost reply. Later the login is revoked.',
  }),
  AUTH_BCRYPT_COST: wholeNumber({
    default: 12,
    min: 4,
    max: 15,
    unit: 'log2 rounds',
    meaning:
      "Cost of a password's hash; one more doubles it. Hashes with a lower cost are replaced at the next login.",
  }),
  AUTH_PASSWORD_BYTES_MIN: wholeNumber({
    default: 8,
    min: 8,
    max: 64,
    unit: 'bytes',
    meaning:
      'Shortest new password, in UTF-8. Older passwords that are shorter go on working. Where a password is all that a login asks for, NIST SP 800-63B-4 asks for 15.',
  }),
  AUTH_PASSWORD_BYTES_MAX: wholeNumber({
    default: 72,
    min: 64,
    max: 72,
    unit: 'bytes',
    meaning: 'Longest new password, in UTF-8; bcrypt reads no more than 72.',
  }),
  AUTH_PASSWORD_COMMON: oneOf({
    default: 'refused',
    choices: ['refused', 'allowed'],
    meaning:
      'Whether a new password may be one of the commonest: some 700, however their letters are cased.',
  }),
  AUTH_FAILED_LOGINS_MAX: wholeNumber({
    default: 20,
    min: 0,
    max: 100,
    unit: 'logins',
    meaning:
      'Logins with an address that may fail at once, from wherever they come; further ones fail whatever their password is. 0 is off.',
  }),
  AUTH_FAILED_LOGINS_WINDOW_SEC: wholeNumber({
    default: 900,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning:
      'In how long the whole of AUTH_FAILED_LOGINS_MAX may fail again: 20 in 900 s are one each 45 s.',
  }),
  AUTH_EMAIL_VERIFICATION: oneOf({
    default: 'optional',
    choices: ['optional', 'required'],
    meaning:
      '`required`: an account logs in only once its address is confirmed. Those of before are asked, too.',
  }),
  AUTH_VERIFY_TTL_SEC: wholeNumber({
    default: 86_400,
    min: 60,
    max: 7 * 86_400,
    unit: 's',
    meaning: 'How long the mail that confirms an address is good for.',
  }),
  AUTH_RESET_TTL_SEC: wholeNumber({
    default: 3_600,
    min: 60,
    max: 86_400,
    unit: 's',
    meaning: 'How long the mail that resets a password is good for.',
  }),
  AUTH_MAILS_MAX: wholeNumber({
    default: 5,
    min: 0,
    max: 1_000,
    unit: 'mails',
    meaning:
      'Mails of one kind, invitations among them, that an address may be sent at once, and again in each hour, whoever asks for them; 0 is off.',
  }),
  AUTH_PASSWORD_QUEUE_MAX: wholeNumber({
    default: 16,
    min: 1,
    max: 10_000,
    unit: 'passwords',
    meaning:
      'Passwords that may wait to be hashed in one process, which hashes one at a time; more, and more than a quarter of these from one client address, get a 503.',
  }),
  AUTH_PASSWORD_WAIT_MAX_MS: wholeNumber({
    default: 10_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    meaning: 'A password that is not hashed after this, for others or for reads, gets a 503.',
  }),
} as const satisfies Record<string, Setting<string | number>>

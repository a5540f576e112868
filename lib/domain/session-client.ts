// From where a session was begun, in so few words that its owner can tell sessions apart, and nobody can tell
// people apart. Pure.

export type SessionClient = {
  /** Such as `Firefox, Windows`; null: the client does not say, or nothing that we know. */
  readonly browser: string | null
  /** Such as `203.0.113.0/24`; null: the address is not known. */
  readonly network: string | null
}

/** The first that matches: browsers claim to be those before them. */
const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|HeadlessChrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bVersion\/\S+ .*\bSafari\//, 'Safari'],
]
const systems: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMacintosh\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
]
/** The name of a program, without its version. */
const program = /^[A-Za-z][\w.-]{0,39}(?=\/|$)/

/** `userAgent`: the header. No version: it says more than anybody needs to know a browser again. */
export const browserOf = (userAgent: string | undefined): string | null => {
  const text = userAgent?.slice(0, lengthMax) ?? ''
  const nameIn = (table: typeof browsers) => table.find(([pattern]) => pattern.test(text))?.[1]
  const names = [nameIn(browsers), nameIn(systems)].filter((name) => name !== undefined)
  if (names.length > 0) return names.join(', ')
  const [name] = program.exec(text) ?? []
  return name === undefined || name === 'Mozilla' ? null : name
}
/** Browsers say it in 300. */
const lengthMax = 500

/** `address`: of IPv4, or the first groups of IPv6. What is left of it is shared by hundreds. */
export const networkOf = (address: string): string | null => {
  const [, first] = /^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/.exec(address) ?? []
  if (first !== undefined) return `${first}.0/24`
  const [, groups] = /^([\da-f]{1,4}:[\da-f]{1,4}:[\da-f]{1,4}):/i.exec(address) ?? []
  return groups === undefined ? null : `${groups}::/48`
}

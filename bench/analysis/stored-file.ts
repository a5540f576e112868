// A file that somebody stored, read as what it is or refused by its name. People bring what their shell
// wrote (PowerShell writes UTF-16), what another tool printed, and files that were cut.

import { resultFormat, type Result } from '../result.ts'
import { parseAutocannon } from './autocannon-file.ts'
import { parseClaims, type Claims } from './claims.ts'
import { resultForm } from './result-form.ts'

export type Stored =
  | { readonly kind: 'result'; readonly result: Result }
  | { readonly kind: 'claims'; readonly claims: Claims }

const taken =
  'Expected: one JSON object, of npm run bench, of autocannon --json, or of claims like bench/published/500k.json.'

/** Throws what is wrong with the file, by its name, and what is taken. */
export const readStored = (file: string, bytes: Uint8Array): Stored => {
  try {
    return stored(parse(textOf(bytes)))
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}. ${taken}`, { cause: error })
  }
}

const stored = (json: unknown): Stored => {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Error(`it holds ${Array.isArray(json) ? 'an array' : 'no object'}`)
  }
  if ('format' in json) return { kind: 'result', result: resultOf(json) }
  const claims = parseClaims(json) ?? parseAutocannon(json)
  if (!claims) throw new Error(`its members are of no kind known here (${namesOf(json)})`)
  return { kind: 'claims', claims }
}

const resultOf = (json: { readonly format: unknown }): Result => {
  if (json.format !== resultFormat) {
    throw new Error(
      `its format is ${JSON.stringify(json.format)}, and this version reads format ${resultFormat}`,
    )
  }
  const complaint = resultForm.complaint(json, '')
  if (complaint !== undefined) throw new Error(`as a result of npm run bench, ${complaint}`)
  return json as Result
}

const namesMax = 5
const namesOf = (json: object) => {
  const names = Object.keys(json)
  if (names.length === 0) return 'none'
  return names.slice(0, namesMax).join(', ') + (names.length > namesMax ? ', …' : '')
}

/** Windows' shells and editors write a byte order mark, and UTF-16. */
const textOf = (bytes: Uint8Array): string => {
  const [first, second] = bytes
  // ASCII in UTF-16 has a zero in every second byte, whether or not a mark says so.
  const encoding =
    (first === 0xff && second === 0xfe) || (first !== 0 && second === 0)
      ? 'utf-16le'
      : (first === 0xfe && second === 0xff) || (first === 0 && second !== 0)
        ? 'utf-16be'
        : 'utf-8'
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    throw new Error(`it is no ${encoding.toUpperCase()} text`)
  }
}

const parse = (text: string): unknown => {
  if (text.trim() === '') throw new Error('it is empty')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(whyNoJson(text, (error as Error).message), { cause: error })
  }
}

const whyNoJson = (text: string, parserSays: string): string => {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  if (/^Running \S+ test @/m.test(text)) {
    return 'it is the text that wrk or autocannon prints for people'
  }
  if (lines.length > 1 && lines.every(isJson)) {
    return `it holds ${lines.length} JSON values, one on each line: store each in a file of its own`
  }
  if (/^\s*[[{]/.test(text)) return `its JSON is cut or damaged (${parserSays})`
  return `it is no JSON (it begins with ${JSON.stringify(lines[0]?.trim().slice(0, shownMax))})`
}

/** Characters of a foreign line. */
const shownMax = 60

const isJson = (line: string): boolean => {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

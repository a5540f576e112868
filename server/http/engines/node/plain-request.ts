// Pure: whether bytes begin with a request so plain that no two readers differ about it: where it ends,
// what it asks for, who asks. Stricter than HTTP: whatever is odd is left to node's own parser.

export type PlainRequest = {
  readonly method: string
  readonly target: string
  /** Bytes of its head, the empty line included. */
  readonly headBytes: number
  /** Bytes of its body: its Content-Length, 0 without one. */
  readonly bodyBytes: number
  /** By lower-case name. */
  header(name: string): string | undefined
}

export type Reading =
  | { readonly kind: 'plain'; readonly request: PlainRequest }
  /** Plain so far: its head goes on. */
  | { readonly kind: 'torn' }
  | { readonly kind: 'odd' }

/** Heads of browsers with a token have half of this. */
export const plainHeadBytesMax = 4_096
/** As much as any endpoint reads: who sends more is refused. */
export const plainBodyBytesMax = 16 * 1024

const endOfHead = '\r\n\r\n'
/** A path and a query as RFC 3986 has them. */
const requestLine =
  /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\/[A-Za-z0-9\-._~%!$&'()*+,;=:@/?]*) HTTP\/1\.1\r\n/
/** A token, a colon, at most one space, printable ASCII that does not begin or end with a space. */
const headerLine = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?((?:[!-~](?:[ -~]*[!-~])?)?)\r\n/y
/** What may become one, or the empty line. */
const begunHeaderLine = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?::[ -~]*\r?)?|\r)?$/
const hostValue = /^[A-Za-z0-9._-]+(?::\d{1,5})?$/
const lengthValue = /^(?:0|[1-9]\d{0,6})$/

/** Headers that change how a message is framed, or what the connection does next. */
const neverPlain = new Set([
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const odd: Reading = { kind: 'odd' }
const torn: Reading = { kind: 'torn' }

export const readPlainRequest = (bytes: Buffer, headBytesMax = plainHeadBytesMax): Reading => {
  const window = bytes.subarray(0, headBytesMax)
  const end = window.indexOf(endOfHead, 0, 'latin1')
  const isTorn = end === -1
  if (isTorn && bytes.length >= headBytesMax) return odd
  const text = window.toString('latin1', 0, isTorn ? window.length : end + 2)
  const [line, method, target] = requestLine.exec(text) ?? []
  if (line === undefined || method === undefined || target === undefined) return odd
  const headers = readHeaders(text, line.length)
  if (!headers) return odd
  const { header, rest } = headers
  if (isTorn) return begunHeaderLine.test(rest) ? torn : odd

  const length = header('content-length')
  const bodyBytes = length === undefined ? 0 : Number(length)
  const mayHaveBody = method !== 'GET' && method !== 'HEAD'
  if (length !== undefined && !(mayHaveBody && lengthValue.test(length))) return odd
  if (bodyBytes > plainBodyBytesMax || !hostValue.test(header('host') ?? '') || rest !== '')
    return odd
  const headBytes = end + endOfHead.length
  return { kind: 'plain', request: { method, target, headBytes, bodyBytes, header } }
}

/** Those from `start` on, and what follows them; undefined when one of them is odd. */
const readHeaders = (text: string, start: number) => {
  // Few enough that a search in order costs less than a Map.
  const names: string[] = []
  const values: string[] = []
  const header = (name: string): string | undefined => {
    const at = names.indexOf(name)
    return at === -1 ? undefined : values[at]
  }
  let end = start
  headerLine.lastIndex = start
  for (let line = headerLine.exec(text); line; line = headerLine.exec(text)) {
    const name = (line[1] as string).toLowerCase()
    if (neverPlain.has(name) || names.includes(name)) return undefined
    names.push(name)
    values.push(line[2] as string)
    end = headerLine.lastIndex
  }
  const connection = header('connection')
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined
  return { header, rest: text.slice(end) }
}

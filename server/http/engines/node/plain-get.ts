// Pure: whether a chunk begins with a request so plain that its answer depends on nothing but its
// target and two headers. Stricter than HTTP: whatever is odd is left to node's own parser.

export type PlainGet = {
  readonly target: string
  /** Bytes of the request, the empty line included. */
  readonly length: number
  /** By lower-case name. */
  header(name: string): string | undefined
}

const headBytesMax = 4_096
const endOfHead = Buffer.from('\r\n\r\n')
const requestLine = /^GET (\/[!-~]*) HTTP\/1\.1$/
/** A token, a colon, at most one space, printable ASCII that does not begin or end with a space. */
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?((?:[!-~](?:[ -~]*[!-~])?)?)$/
const hostValue = /^[A-Za-z0-9._-]+(?::\d{1,5})?$/

/** Headers that change how a message is framed, or what the connection does next. */
const notPlain = new Set([
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

export const readPlainGet = (chunk: Buffer): PlainGet | undefined => {
  const end = chunk.subarray(0, headBytesMax).indexOf(endOfHead)
  if (end === -1) return undefined
  const [first = '', ...lines] = chunk.toString('latin1', 0, end).split('\r\n')
  const target = requestLine.exec(first)?.[1]
  if (target === undefined) return undefined
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, name = '', value = ''] = headerLine.exec(line) ?? []
    const lowerName = name.toLowerCase()
    if (name === '' || notPlain.has(lowerName) || headers.has(lowerName)) return undefined
    headers.set(lowerName, value)
  }
  if (!hostValue.test(headers.get('host') ?? '')) return undefined
  const connection = headers.get('connection')
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined
  return { target, length: end + endOfHead.length, header: (name) => headers.get(name) }
}

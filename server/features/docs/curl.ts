// An operation as a command to paste, made from its examples. `$URL` and `$TOKEN` are the reader's.

import { takesToken, type DescribedOperation, type Parameter } from '../../http/contract/openapi.ts'

export const curlOf = ({ path, method, operation }: DescribedOperation): string => {
  const { parameters = [], requestBody } = operation
  const parts = [
    method === 'get' ? 'curl' : `curl -X ${method.toUpperCase()}`,
    `"$URL${targetOf(path, parameters)}"`,
    ...(takesToken(operation) ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    ...(parameters.some(({ name }) => name === 'Origin') ? ['-H "Origin: $URL"'] : []),
  ]
  const [media] = Object.entries(requestBody?.content ?? {})
  const [example] = Object.values(media?.[1].examples ?? {})
  if (media && example) {
    parts.push(`-H ${quoted(`Content-Type: ${media[0]}`)}`, `-d ${quoted(example.value)}`)
  }
  const [command = '', target = '', ...options] = parts
  return [`${command} ${target}`, ...options].join(' \\\n  ')
}

/** With the first parameter of the query: others are for some requests only, or exclude each other. */
const targetOf = (path: string, parameters: readonly Parameter[]): string => {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(parameters.find((one) => one.name === name)?.example ?? name),
  )
  const query = parameters.find((one) => one.in === 'query')
  return query ? `${filled}?${query.name}=${encodeURIComponent(query.example)}` : filled
}

/** For a POSIX shell. */
const quoted = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return `'${text.replaceAll("'", "'\\''")}'`
}

// Secrets as Docker and Kubernetes hand them out: NAME_FILE names a file that holds the value of NAME.

import { readFileSync } from 'node:fs'

/** Longer ones are no secret, and perhaps no file that ends. */
export const secretBytesMax = 65_536

type Given =
  | { readonly kind: 'value'; readonly text: string | undefined }
  | { readonly kind: 'fault'; readonly line: string }

/** The value of a secret, from the environment or from the file that it names. */
export const secretText = (name: string, env: NodeJS.ProcessEnv): Given => {
  const text = env[name]
  const file = env[`${name}_FILE`]
  if (file === undefined || file === '') return { kind: 'value', text }
  const fault = (line: string): Given => ({ kind: 'fault', line: `${name}_FILE ${line}` })
  if (text !== undefined && text !== '') {
    return fault(`and ${name} are both set: set one of them, and leave the other empty`)
  }
  try {
    const content = readFileSync(file, 'utf8')
    if (content.length > secretBytesMax) return fault('names a file that is too long for a secret')
    // Editors and `echo` end a file with one; a secret has none.
    const secret = content.replace(/\r?\n$/, '')
    return secret === ''
      ? fault(`names an empty file: write the value of ${name} into it`)
      : { kind: 'value', text: secret }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    return fault(
      `is ${JSON.stringify(file)}, which can't be read (${code}): set it to a file that holds ${name}`,
    )
  }
}

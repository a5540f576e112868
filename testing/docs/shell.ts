// A block of shell cut into what a check reads of it: its programs, and the variables it sets and uses.
// Enough of the shell's grammar for what our pages say; `bash -n` judges the rest.

export type ShellBlock = {
  /** Each command, without what it is given before: `kubectl apply --kustomize k8s/overlays/local`. */
  readonly commands: readonly string[]
  /** Set before a command, or by itself. */
  readonly sets: readonly string[]
  readonly uses: readonly string[]
}

const assignment = /^([A-Za-z_]\w*)=("[^"]*"|\$\((?:'[^']*'|[^)'])*\)|\S*)\s*/
const keywords = /^(?:(?:for \w+ in [^;]*|do|done|then|else|fi|if|export|time)\b\s*)+/

export const parseShell = (text: string): ShellBlock => {
  const plain = text.replaceAll('\\\n', ' ').replaceAll(/(^|\s)#.*$/gm, '$1')
  const uses = [...plain.replaceAll(/'[^']*'/g, '').matchAll(/\$\{?([A-Za-z_]\w*)/g)]
  const sets: string[] = [...plain.matchAll(/\bfor (\w+) in/g)].map(([, name = '']) => name)
  const commands: string[] = []
  for (const part of splitCommands(plain)) {
    let rest = part.trim().replace(keywords, '')
    for (let found = assignment.exec(rest); found; found = assignment.exec(rest)) {
      sets.push(found[1] ?? '')
      rest = rest.slice(found[0].length)
    }
    if (rest !== '') commands.push(rest)
  }
  const insides = [...plain.matchAll(/\$\(([^()]*)\)/g)].flatMap(([, inside = '']) =>
    splitCommands(inside),
  )
  commands.push(...insides.map((inside) => inside.trim()))
  return { commands, sets, uses: uses.map(([, name = '']) => name) }
}

/** At `;`, `|`, `&` and line ends that are outside of quotes and of `$( )`. */
const splitCommands = (text: string): readonly string[] =>
  [...text.matchAll(/(?:"[^"]*"|'[^']*'|\$\((?:'[^']*'|[^)'])*\)|[^;|&\n])+/g)].map(
    ([part]) => part,
  )

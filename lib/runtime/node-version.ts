// The first import of a program: a Node that is too old is refused in one line that says what to do.
// Otherwise it would fail later and less clearly, or work in ways that no test has seen.

/** As in package.json's `engines`. */
export const nodeVersionMin = '22.22'

/** One line for the operator, or undefined. */
export const nodeVersionFault = (version: string): string | undefined => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [majorMin = 0, minorMin = 0] = nodeVersionMin.split('.').map(Number)
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return undefined
  return (
    `this is Node ${version}, and ${nodeVersionMin} or later is needed: start it with npm ` +
    '(npm start, npm run server), which finds the Node that npm ci installed, or install a newer one'
  )
}

const fault = nodeVersionFault(process.versions.node)
if (fault !== undefined) {
  process.stderr.write(`${fault}\n`)
  process.exit(1)
}

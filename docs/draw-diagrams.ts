// npm run docs:diagrams: draws each diagrams/*.mmd as an SVG beside it, for readers whose viewer shows no
// Mermaid. testing/docs/diagrams.test.ts holds each picture to its source.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawDiagram } from './mermaid.ts'

const folder = join(import.meta.dirname, 'diagrams')
const light = { bg: '#ffffff', fg: '#24292f', muted: '#57606a', line: '#57606a', border: '#57606a' }
const dark = { bg: '#0d1117', fg: '#e6edf3', muted: '#9da7b3', line: '#8d96a0', border: '#8d96a0' }

const variables = (colours: Readonly<Record<string, string>>): string =>
  Object.entries(colours)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';')

for (const file of readdirSync(folder).filter((one) => one.endsWith('.mmd'))) {
  const source = readFileSync(join(folder, file), 'utf8')
  const digest = createHash('sha256').update(source).digest('hex')
  const drawn = drawDiagram(source, light)
  // The viewer's fonts and theme: a picture in a page loads nothing and cannot be asked.
  const svg = drawn
    .replace(/ style="--bg:[^"]*"/, '')
    .replace(
      '<style>',
      `<!-- ${file} ${digest} -->\n<style>\n  svg { ${variables(light)}; background: var(--bg) }\n` +
        `  @media (prefers-color-scheme: dark) { svg { ${variables(dark)} } }\n`,
    )
  const target = join(folder, file.replace('.mmd', '.svg'))
  writeFileSync(target, `${svg.trim()}\n`)
  console.log(target)
}

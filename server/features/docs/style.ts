// The page's only style: readable on a phone, on paper, by day and by night.

export const style = `
:root { color-scheme: light dark; --line: #d5d8dc; --soft: #f4f5f7; --dim: #5b6470; --link: #0b57b7 }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a3f46; --soft: #1d2024; --dim: #a3abb5; --link: #8ab8f5 }
}
* { box-sizing: border-box }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere }
a { color: var(--link) }
h1, h2, h3, h4 { line-height: 1.25; margin: 2.5rem 0 .5rem }
h1 { margin-top: 1rem }
h4 { margin: 1.25rem 0 .25rem }
p { margin: .5rem 0 }
code, pre { font: .875em/1.45 ui-monospace, monospace }
pre { background: var(--soft); padding: .5rem .75rem; margin: .5rem 0; white-space: pre-wrap; border-radius: .25rem }
section { border-top: 1px solid var(--line) }
nav ul { list-style: none; padding: 0 }
nav li { margin: .25rem 0 }
dl { margin: 0 }
dt { margin-top: .75rem }
dd { margin: 0 0 0 1.25rem }
.dim { color: var(--dim) }
.method { display: inline-block; min-width: 4.5em; font-weight: 700 }
@media print {
  body { max-width: none; font-size: 10pt }
  nav { display: none }
  a { color: inherit; text-decoration: none }
  pre { border: 1px solid var(--line) }
  h2, h3, h4, dt { break-after: avoid }
  pre, dd > p { break-inside: avoid }
}
`

// The only style of every page: readable on a phone, on paper, by day and by night.

export const style = `
:root { color-scheme: light dark; --line: #d5d8dc; --soft: #f4f5f7; --dim: #5b6470; --link: #0b57b7; --get: #0b6b3a; --send: #8a4b00; --drop: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a3f46; --soft: #1d2024; --dim: #a3abb5; --link: #8ab8f5; --get: #7fd6a4; --send: #f0b67a; --drop: #f2a19b }
}
* { box-sizing: border-box }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 78rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere }
main { max-width: 50rem; min-width: 0 }
.narrow { margin: 0 auto }
a { color: var(--link) }
a:not(:hover) { text-decoration-thickness: 1px; text-underline-offset: .15em }
.self { color: inherit; text-decoration: none }
.self:hover { text-decoration: underline }
h1, h2, h3, h4 { line-height: 1.25; margin: 1.5rem 0 .5rem }
h1 { margin-top: 0; font-size: 1.75rem }
h1 small { font-size: .6em; font-weight: 400 }
h2 { font-size: 1.35rem }
h3 { font-size: 1.15rem }
h3 code { font-size: .95em }
h4 { font-size: .9rem; color: var(--dim) }
p { margin: .5rem 0 }
ul { padding-left: 1.25rem }
code, pre { font: .875em/1.45 ui-monospace, monospace }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: .375rem; padding: .6rem .8rem; margin: .5rem 0; overflow-x: auto; overflow-wrap: normal }
pre code { font-size: 1em }
.part { border-top: 1px solid var(--line); margin-top: 2.5rem }
.part section { border-top: 1px dashed var(--line); margin-top: 1.75rem }
section, dt { scroll-margin-top: 1rem }
:target > h2, :target > h3, dt:target { background: var(--soft) }
dl { margin: 0 }
dt { margin-top: .75rem }
dd { margin: 0 0 0 1rem }
.dim { color: var(--dim) }
.method { font: 700 .8em/1 ui-monospace, monospace; display: inline-block; min-width: 4.5em }
.get { color: var(--get) }
.post, .put, .patch { color: var(--send) }
.delete { color: var(--drop) }
.problems { display: flex; flex-wrap: wrap; gap: .25rem .9rem }
nav ul, .contents { list-style: none; padding: 0; margin: 0 }
nav a { text-decoration: none }
nav a:hover { text-decoration: underline }
nav > ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin-bottom: 1.5rem }
nav ul ul { display: none }
.contents li { padding: .2rem 0 }
.contents a { text-decoration: none }
.contents span:last-child { display: block; color: var(--dim) }
@media (min-width: 64rem) {
  body { display: grid; grid-template-columns: 18rem minmax(0, 1fr); gap: 3rem; padding: 1.5rem }
  body:has(> .narrow) { display: block }
  nav { position: sticky; top: 0; max-height: 100vh; overflow-y: auto; align-self: start; font-size: .85rem; padding: .25rem 0 }
  nav > ul { display: block }
  nav > ul > li { margin-bottom: .6rem; font-weight: 600 }
  nav ul ul { display: block; font-weight: 400 }
  nav ul ul li { margin: .15rem 0 }
  .contents li { display: grid; grid-template-columns: 18rem 1fr; gap: 1rem }
}
@media print {
  body { display: block; max-width: none; font-size: 10pt }
  nav { display: none }
  a { color: inherit; text-decoration: none }
  h2, h3, h4, dt { break-after: avoid }
  pre { white-space: pre-wrap }
  pre, dd > p { break-inside: avoid }
}
`

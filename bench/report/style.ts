// How the page looks: ink on paper, and one accent that only repeats what a word or a sign says. In the
// dark the two change places; on paper it is always black on white.

export const style = `
:root { --paper: #fffefa; --ink: #161616; --soft: #5f5d57; --hair: #dedbd1; --bad: #9c1c10; color-scheme: light dark }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #141413; --ink: #eceae4; --soft: #a09d95; --hair: #34332f; --bad: #ff9c8c }
}
* { box-sizing: border-box }
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100% }
body { margin: 0 auto; max-width: 66rem; padding: 2rem clamp(1rem, 4vw, 3rem) 4rem;
  font: 16px/1.5 Inter, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
p, ul { margin: .5rem 0; max-width: 44rem }
small, .soft, figcaption { color: var(--soft); font-size: .875rem; font-weight: normal }
section { margin-top: 3rem }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .75rem; padding-top: .6rem; border-top: 1px solid var(--ink) }
h3 { font-size: 1rem; margin: 1.75rem 0 .35rem }

.verdict { border-left: 5px solid var(--ink); padding: .1rem 0 .1rem 1.25rem }
.verdict.INVALID { border-left: 10px double var(--bad) }
.verdict h1 { font-size: clamp(1.75rem, 6vw, 2.5rem); line-height: 1.15; letter-spacing: .01em; margin: 0 }
.verdict.INVALID h1, tr.fail .mark, tr.fail th { color: var(--bad) }
.verdict h2 { border: 0; padding: 0; margin: 1rem 0 .25rem; font-size: 1rem }
.verdict ul { padding-left: 1.1rem }
.verdict li { margin: .35rem 0 }

.headline { display: flex; flex-wrap: wrap; gap: 1.5rem 3.5rem; align-items: flex-end; margin-top: 2.5rem }
.headline p { margin: 0 }
.big { font-size: clamp(2.5rem, 11vw, 4rem); font-weight: 650; line-height: 1; letter-spacing: -.02em }
.row { display: flex; flex-wrap: wrap; gap: .5rem 1.75rem; margin: 0 0 .25rem }
.row div { display: flex; flex-direction: column-reverse }
.row dt { color: var(--soft); font-size: .875rem }
.row dd { margin: 0; font-size: 1.25rem; font-weight: 600; white-space: nowrap }

.panels { display: grid; grid-template-columns: 1fr; gap: 1.5rem 2.5rem }
.panels > * { min-width: 0 }
figure { margin: 1rem 0 0 }
figcaption b { color: var(--ink); font-size: 1rem; margin-right: .35rem }
.plot { padding: 2rem 1rem 2.75rem 52px }
.plot.named { padding-right: 6.5rem }
.plot svg { display: block; overflow: visible; font-size: 12px; fill: var(--ink) }
.grid { stroke: var(--hair) }
.base { stroke: var(--soft) }
.drop { stroke: var(--soft); stroke-dasharray: 2 3 }
.stroke { fill: none; stroke: var(--ink); stroke-width: 1.5; stroke-linejoin: round; vector-effect: non-scaling-stroke }
.full { fill: var(--ink) }
.open { fill: var(--paper); stroke: var(--ink); stroke-width: 1.4 }
.tick, .axis { fill: var(--soft) }
.mark .tick { fill: var(--ink); stroke: var(--paper); stroke-width: 3; paint-order: stroke }
.middle { text-anchor: middle }
.end { text-anchor: end }

.scroll { overflow-x: auto; margin: .75rem 0; overflow-wrap: normal }
table { border-collapse: collapse; font-size: .9375rem }
th, td { padding: .3rem 1.5rem .3rem 0; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--hair) }
th:last-child, td:last-child { padding-right: 0 }
thead th { color: var(--soft); font-size: .875rem; font-weight: normal; vertical-align: bottom; border-color: var(--soft) }
.number { text-align: right; white-space: nowrap }
td.text { white-space: nowrap }
tbody th { font-weight: normal }
.checks { min-width: min(100%, 44rem) }
.checks .mark { white-space: nowrap }
tr.fail .mark, tr.fail th, tr.warn .mark { font-weight: 650 }
tr:has(+ .meaning) > * { border-bottom-color: transparent; padding-bottom: 0 }
.meaning td { color: var(--soft); padding-top: 0; font-size: .875rem; max-width: 44rem }
.meaning.fail td { color: var(--ink) }

dl:not(.row) { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .2rem 1.5rem; margin: .5rem 0; font-size: .9375rem }
dl:not(.row) dt { color: var(--soft) }
dl:not(.row) dd { margin: 0 }
pre { margin: .5rem 0; padding: .75rem 1rem; border: 1px solid var(--hair); white-space: pre-wrap;
  font: .875rem/1.5 ui-monospace, Menlo, Consolas, monospace }

@media (min-width: 56rem) { .panels.many { grid-template-columns: 1fr 1fr } .panels.tight { grid-template-columns: max-content max-content } }
@media (max-width: 40rem) {
  .roomy { display: none }
  .plot.named { padding-right: 5.5rem }
  th, td { padding-right: 1rem }
  .checks, .checks tbody, .checks tr, .checks td, .checks th { display: block; border: 0; padding: 0 }
  .checks thead { display: none }
  .checks tr { padding: .5rem 0 0 } .checks tr + tr:not(.meaning) { border-top: 1px solid var(--hair); margin-top: .5rem }
  .checks tr.meaning { padding-top: 0 } .checks td:empty { display: none }
  .checks td:nth-child(3)::before { content: "value: " } .checks td:nth-child(4)::before { content: "bound: " }
}
@media print {
  body { max-width: none; padding: 0; font-size: 11pt } .scroll { overflow: visible }
  figure, tr, .verdict, .headline, dl, pre { break-inside: avoid } h2, h3 { break-after: avoid }
}
`

// npm run docs:print: writes the pages that are printed from the code. Run it when their test fails.

import { writeFileSync } from 'node:fs'
import { takeNoArguments } from '../command-line.ts'
import { repository } from '../paths.ts'
import { printedPages } from './pages.ts'

takeNoArguments(`usage: npm run docs:print
Writes the pages of docs/reference/ that are printed from the code. It takes no arguments.
Exit codes: 0 written, 1 failed, 2 wrong usage.`)
for (const { path, text } of printedPages) {
  writeFileSync(new URL(path, repository), text())
  console.log(path)
}

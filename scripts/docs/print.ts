// npm run docs:print: writes the pages that are printed from the code. Run it when their test fails.

import { writeFileSync } from 'node:fs'
import { repository } from '../paths.ts'
import { printedPages } from './pages.ts'

for (const { path, text } of printedPages) {
  writeFileSync(new URL(path, repository), text())
  console.log(path)
}

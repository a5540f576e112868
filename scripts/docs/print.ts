// npm run docs:print: writes the pages that are printed from the code. Run it when their test fails.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { takeNoArguments } from '../command-line.ts'
import { repository } from '../paths.ts'
import { brunoCollection } from './bruno.ts'
import { document } from './endpoints.ts'
import { askForHelp } from './npm-scripts.ts'
import { printPages } from './pages.ts'

const usage = `usage: npm run docs:print
Prints docs/reference/, docs/bruno/ and .env.example from the code. It asks every command for its help.
Exit codes: 0 printed, 1 failed, 2 wrong usage.`

takeNoArguments(usage)
const pages = printPages(await askForHelp())
const brunoFolder = 'docs/bruno'
// So that an endpoint that is gone leaves no file.
rmSync(new URL(brunoFolder, repository), { recursive: true, force: true })
for (const { path, text } of [...pages, ...brunoCollection(document, brunoFolder)]) {
  const url = new URL(path, repository)
  mkdirSync(new URL('.', url), { recursive: true })
  writeFileSync(url, text)
  console.log(path)
}

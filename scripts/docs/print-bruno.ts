// npm run docs:bruno: writes docs/bruno/, the collection of the HTTP client Bruno. Run it when its test
// fails.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { takeNoArguments } from '../command-line.ts'
import { repository } from '../paths.ts'
import { brunoCollection } from './bruno.ts'
import { document } from './endpoints.ts'

takeNoArguments(`usage: npm run docs:bruno
Writes docs/bruno/, the collection of the HTTP client Bruno. It takes no arguments.
Exit codes: 0 written, 1 failed, 2 wrong usage.`)

const folder = 'docs/bruno'

rmSync(new URL(folder, repository), { recursive: true, force: true })
for (const { path, text } of brunoCollection(document, folder)) {
  const url = new URL(path, repository)
  mkdirSync(new URL('.', url), { recursive: true })
  writeFileSync(url, text)
  console.log(path)
}

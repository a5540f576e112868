// npm run docs:bruno: writes docs/bruno/, the collection of the HTTP client Bruno. Run it when its test
// fails.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { repository } from '../paths.ts'
import { brunoCollection } from './bruno.ts'
import { document } from './endpoints.ts'

const folder = 'docs/bruno'

rmSync(new URL(folder, repository), { recursive: true, force: true })
for (const { path, text } of brunoCollection(document, folder)) {
  const url = new URL(path, repository)
  mkdirSync(new URL('.', url), { recursive: true })
  writeFileSync(url, text)
  console.log(path)
}

// What `npm run docs:print` prints: one function a page, from the code alone.

import { envExample } from './env-example.ts'
import { metricsPage } from './metrics-page.ts'
import { settingsPage } from './settings-page.ts'

export type PrintedPage = { readonly path: string; readonly text: () => string }

export const printedPages: readonly PrintedPage[] = [
  { path: '.env.example', text: envExample },
  { path: 'docs/reference/settings.md', text: settingsPage },
  { path: 'docs/reference/metrics.md', text: metricsPage },
]

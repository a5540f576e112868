// Debian's Chromium, driven by playwright-core: one browser for a test file, a context for each user.

import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'
import { ServiceMissing } from '../../scripts/stack/service.ts'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** It asks nobody but us: no updates, no accounts. */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const startBrowser = async (): Promise<Browser> => {
  const executablePath = places.find((path) => existsSync(path))
  if (executablePath === undefined) throw new ServiceMissing('Chromium', 'apt install chromium')
  return chromium.launch({ executablePath, args })
}

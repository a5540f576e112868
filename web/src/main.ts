// The page begins here.

import './app.css'
import './theme.svelte.ts'
import { mount } from 'svelte'
import App from './app.svelte'
import { startPage } from './page.svelte.ts'
import { startRouter } from './router.svelte.ts'
import { loadTexts } from './texts/texts.ts'

/** Not all browsers have it. */
type TrustedTypes = {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): unknown }
}

/** The policy of the page takes the address of a worker from this policy only. */
const registerWorker = async () => {
  const { trustedTypes } = window as { trustedTypes?: TrustedTypes }
  const trusted = trustedTypes?.createPolicy('page', { createScriptURL: (url) => url })
  const url = trusted?.createScriptURL('/app/sw.js') ?? '/app/sw.js'
  await navigator.serviceWorker.register(url as string, { scope: '/app' })
}

await loadTexts() // before anything is drawn
startRouter()
startPage()
const target = document.getElementById('app')
if (target) mount(App, { target })
if ('serviceWorker' in navigator && import.meta.env.PROD) {
  void registerWorker().catch(() => {})
}

// The page begins here.

import './app.css'
import './theme.svelte.ts'
import { mount } from 'svelte'
import App from './app.svelte'
import { startPage } from './page.svelte.ts'
import { startRouter } from './router.svelte.ts'
import { loadTexts } from './texts/texts.ts'

await loadTexts() // before anything is drawn
startRouter()
startPage()
const target = document.getElementById('app')
if (target) mount(App, { target })
if ('serviceWorker' in navigator && import.meta.env.PROD) {
  void navigator.serviceWorker.register('/app/sw.js').catch(() => {})
}

// How the page is built: files with a hash in their names for /app, and a service worker that knows them all.

import { join } from 'node:path'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import tailwindcss from '@tailwindcss/vite'
import { defineConfig, type Plugin } from 'vite'

/** The API that `npm run dev:web` shows. */
const api = process.env['TODO_API_URL'] ?? 'http://127.0.0.1:8080'
const serviceWorker = 'sw.js'
const here = (path: string) => join(import.meta.dirname, path)

export default defineConfig({
  root: import.meta.dirname,
  base: '/app/',
  plugins: [svelte(), tailwindcss(), assetList()],
  build: {
    target: ['chrome123', 'firefox128', 'safari18'], // light-dark() and Map.groupBy()
    assetsInlineLimit: 0, // the policy of the page allows no data in scripts and styles
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: { index: here('index.html'), sw: here('src/service-worker.ts') },
      output: {
        entryFileNames: ({ name }) => (name === 'sw' ? serviceWorker : 'assets/[name]-[hash].js'),
      },
    },
  },
  server: {
    proxy: {
      '^/(v1|auth|api|todos|ready|docs|openapi.json)': {
        target: api,
        ws: true,
        changeOrigin: false,
      },
    },
  },
})

/** What the service worker keeps: every file of this build. Its own text names them, so it changes with them. */
function assetList(): Plugin {
  return {
    name: 'asset-list',
    generateBundle(_options, bundle) {
      const worker = bundle[serviceWorker]
      if (worker?.type !== 'chunk') return
      const files = Object.keys(bundle).filter(
        (file) => file !== serviceWorker && !file.endsWith('.html'),
      )
      worker.code = worker.code.replace(
        /["'`]__ASSETS__["'`]/,
        JSON.stringify(JSON.stringify(files)),
      )
    },
  }
}

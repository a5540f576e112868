// Svelte files, whose templates oxlint (oxlint.config.ts) cannot read. Without types, which svelte-check has.

import { defineConfig } from 'eslint/config'
import svelte from 'eslint-plugin-svelte'
import tseslint from 'typescript-eslint'
import house from './testing/lint-rules.js'

export default defineConfig({
  files: ['web/src/**/*.svelte'],
  extends: [tseslint.configs.strict, svelte.configs.recommended],
  plugins: { house },
  languageOptions: { parserOptions: { parser: tseslint.parser } },
  rules: {
    '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_' }],
    'house/one-field-a-line': 'error',
  },
})

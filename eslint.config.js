// Stricter than the compiler: no promise left floating, no `any`, every switch exhaustive.

import { defineConfig } from 'eslint/config'
import svelte from 'eslint-plugin-svelte'
import tseslint from 'typescript-eslint'

export default defineConfig(
  { ignores: ['dist/', 'web/dist/', 'web/src/api/operations.ts', '.data/', '.tap/', 'docs/'] },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Numbers and errors in messages are fine.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // We have no enums and hardly a class: these two took a third of the time, and found nothing.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Our objects are closures, made once: their methods need no `this`.
      '@typescript-eslint/unbound-method': 'off',
      // It can't see that a variable changes across an await.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'off',
      // `() => resolve(value)` is clearer than a block.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Index signatures are read with brackets (noPropertyAccessFromIndexSignature's spirit).
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_' }],
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'ObjectExpression > SpreadElement > ObjectExpression, ArrayExpression > SpreadElement > ArrayExpression',
          message:
            'One field a line: write the members themselves, and let the formatter set them.',
        },
      ],
    },
  },
  {
    // require() is how CommonJS imports.
    files: ['**/*.cjs'],
    rules: {
      '@typescript-eslint/no-require-imports': 'off',
      // It can't see the casts of JSDoc, which say what a thread was given.
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  {
    // Without types, which svelte-check has: 3 s of CPU.
    files: ['web/src/**/*.svelte'],
    extends: [tseslint.configs.disableTypeChecked, svelte.configs.recommended],
    languageOptions: {
      parserOptions: { parser: tseslint.parser, projectService: false },
    },
  },
  {
    // Peers have packages of their own, which are rarely installed: their types are not known.
    files: ['bench/peers/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { projectService: false } },
  },
  {
    files: ['**/*.test.ts', '**/*.drill.ts', '**/*.contract.ts', 'testing/services.ts'],
    rules: {
      // tap's subtests are awaited by tap itself, and its `t` is passed around.
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
)

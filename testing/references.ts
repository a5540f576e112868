// What a source file refers to, in whatever form: imports of each kind, types of JSDoc, and paths in
// texts. Such paths start processes and threads.

import { dirname, join } from 'node:path/posix'
import ts from 'typescript'

export type Reference = {
  /** The file, from the root of the repository. */
  readonly from: string
  /** A file or folder, the name of a package or of a module of Node, or `(computed)`. */
  readonly to: string
  readonly isOurs: boolean
  /** A type leaves nothing behind; a path that is written as a text may be that of a process. */
  readonly how: How
}

type How = 'import' | 'type' | 'path'
const strength: Readonly<Record<How, number>> = { path: 0, type: 1, import: 2 }

export const readReferences = (from: string, text: string): Reference[] => {
  const found = new Map<string, Reference>()
  const add = (how: How, path: string) => {
    const isOurs = path.startsWith('.')
    const to = isOurs ? join(dirname(from), path) : packageOf(path)
    // Once for each target: the text in an import is met as a text, too.
    const known = found.get(to)
    if (!known || strength[how] > strength[known.how]) found.set(to, { from, to, isOurs, how })
  }
  const visit = (node: ts.Node): void => {
    const imported = importedBy(node)
    if (imported) {
      const path = ts.isStringLiteralLike(imported) ? imported.text : '(computed)'
      add(isOfTypes(node) ? 'type' : 'import', path)
    }
    const path = pathIn(node)
    if (path !== undefined) add('path', rooted.test(path) ? `./${upFrom(from)}${path}` : path)
    ts.forEachChild(node, visit)
  }
  if (/\.[cm]?jsx?$/.test(from)) {
    for (const [, path = ''] of text.matchAll(jsDocImport)) add('type', path)
  }
  visit(ts.createSourceFile(from, text, ts.ScriptTarget.Latest))
  return [...found.values()]
}

/** `@import { A } from './a.ts'` and `@type {import('./a.ts').A}`. */
const jsDocImport = /(?:@import\b[^'"]*|\bimport\()['"]([^'"]+)['"]/g

const importedBy = (node: ts.Node): ts.Node | undefined => {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier
  if (ts.isExternalModuleReference(node)) return node.expression
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument
  }
  if (!ts.isCallExpression(node)) return undefined
  const { expression } = node
  const isRequire = ts.isIdentifier(expression) && expression.text === 'require'
  return isRequire || expression.kind === ts.SyntaxKind.ImportKeyword
    ? node.arguments[0]
    : undefined
}

const isOfTypes = (node: ts.Node): boolean => {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly
  if (!ts.isImportDeclaration(node)) return ts.isImportTypeNode(node)
  return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
}

/** A text that names a place in the repository from its root. */
const rooted = /^(bench|lib|scripts|server|testing|web|worker)\/\S*$/

const pathIn = (node: ts.Node): string | undefined => {
  // What is beside this file: `new URL('thread.js', import.meta.url)`.
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression)) {
    const [path, base] = node.arguments ?? []
    const isBeside = node.expression.text === 'URL' && base && ts.isPropertyAccessExpression(base)
    return isBeside && path && ts.isStringLiteralLike(path) ? `./${path.text}` : undefined
  }
  if (!ts.isStringLiteralLike(node) && !ts.isTemplateHead(node)) return undefined
  return /^\.\.?\//.test(node.text) || rooted.test(node.text) ? node.text : undefined
}

const upFrom = (file: string): string => '../'.repeat(file.split('/').length - 1)

/** `kafkajs` for `kafkajs/src/network`. */
const packageOf = (specifier: string): string =>
  specifier.startsWith('node:')
    ? specifier
    : specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')

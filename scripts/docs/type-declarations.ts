// The types of a module with their comments, read from its source: what a JSON file holds is said there
// once, for the compiler and for people.

import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { repository } from '../paths.ts'

export type Member = {
  readonly name: string
  readonly type: string
  readonly isOptional: boolean
  readonly comment: string
}

export type Declaration = {
  readonly name: string
  readonly comment: string
  /** Empty where it is no object. */
  readonly members: readonly Member[]
  readonly type: string
}

export const readDeclarations = (path: string): Declaration[] => {
  const text = readFileSync(new URL(path, repository), 'utf8')
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  return source.statements.filter(ts.isTypeAliasDeclaration).map((alias) => ({
    name: alias.name.text,
    comment: commentOf(alias),
    members: ts.isTypeLiteralNode(alias.type) ? membersOf(alias.type) : [],
    type: typeText(alias.type),
  }))
}

/** Those of an object within an object are named by their path. */
const membersOf = (literal: ts.TypeLiteralNode): Member[] =>
  literal.members.filter(ts.isPropertySignature).flatMap((property) => {
    const { type } = property
    if (!type) return []
    const name = property.name.getText()
    const isOptional = property.questionToken !== undefined
    const inner = objectIn(type)
    return [
      { name, type: typeText(type), isOptional, comment: commentOf(property) },
      ...(inner ? membersOf(inner) : []).map((one) => ({ ...one, name: `${name}.${one.name}` })),
    ]
  })

/** The object that a member is, a list of, or null instead. */
const objectIn = (type: ts.TypeNode): ts.TypeLiteralNode | undefined => {
  if (ts.isTypeLiteralNode(type)) return type
  if (ts.isTypeOperatorNode(type)) return objectIn(type.type)
  if (ts.isArrayTypeNode(type)) return objectIn(type.elementType)
  return ts.isUnionTypeNode(type)
    ? type.types.map(objectIn).find((one) => one !== undefined)
    : undefined
}

/** In JSON's words. */
const typeText = (type: ts.TypeNode): string => {
  if (ts.isTypeOperatorNode(type)) return typeText(type.type)
  if (ts.isParenthesizedTypeNode(type)) return typeText(type.type)
  if (ts.isTypeLiteralNode(type)) return 'object'
  if (ts.isArrayTypeNode(type)) return `list of ${plural(typeText(type.elementType))}`
  if (ts.isTupleTypeNode(type))
    return `pair of ${plural(typeText(type.elements[0] as ts.TypeNode))}`
  if (ts.isUnionTypeNode(type)) return type.types.map(typeText).join(' or ')
  if (ts.isTypeReferenceNode(type) && type.typeArguments) return recordText(type)
  return type.getText()
}

/** Of the types without a name of their own. */
const plural = (type: string): string => type.replace(/^(number|string|object|pair)\b/, '$1s')

/** `Readonly<Record<string, T>>`. */
const recordText = ({ typeName, typeArguments = [] as never }: ts.TypeReferenceNode): string => {
  const last = typeArguments[typeArguments.length - 1]
  if (!last) return typeName.getText()
  return typeName.getText() === 'Record' ? `object of ${plural(typeText(last))}` : typeText(last)
}

const commentOf = (node: ts.Node): string =>
  ts
    .getJSDocCommentsAndTags(node)
    .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
    .join(' ')
    .replaceAll(/\s+/g, ' ')
    .trim()

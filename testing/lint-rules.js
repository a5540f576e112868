// What no rule of the linters says, as a plugin that both of them load: oxlint has none that takes a
// selector, as ESLint's no-restricted-syntax does.

/** @type {import('eslint').Rule.RuleModule} */
const oneFieldALine = {
  create: (context) => ({
    SpreadElement(node) {
      const { argument, parent } = node
      const isLiteral = ['ObjectExpression', 'ArrayExpression'].includes(argument.type)
      if (!isLiteral || argument.type !== parent.type) return
      const message =
        'One field a line: write the members themselves, and let the formatter set them.'
      context.report({ node: argument, message })
    },
  }),
}

/** @type {import('eslint').ESLint.Plugin} */
const house = { meta: { name: 'house' }, rules: { 'one-field-a-line': oneFieldALine } }
export default house

// How a Node process runs our TypeScript: by itself since 22.18, which starts in half the time that
// tsx takes; an older one through tsx. For whatever starts our programs and tests.

export const nodeArguments: readonly string[] = process.features.typescript
  ? []
  : ['--import', 'tsx']

// --help, -h and --version answer; what is not understood is one line that says what is taken.

import t from 'tap'
import { answerTo, parseOptions, wrongUsage } from './command-line.ts'
import { versionText } from './version.ts'

const usage = 'usage: npm run lag [-- --json]\nPrints the lag.'

t.test('--help and -h anywhere print the usage, --version the version', async (t) => {
  for (const args of [['--help'], ['-h'], ['--json', '-h'], ['--nonsense', '--help']]) {
    t.equal(answerTo(args, usage), usage, args.join(' '))
  }
  t.equal(answerTo(['--version'], usage), versionText)
  t.equal(answerTo(['--json'], usage), undefined)
  t.equal(answerTo(['--', '--help'], usage), undefined, 'an argument, no option')
})

t.test('what is not understood is refused in one line', async (t) => {
  const options = { json: { type: 'boolean' } } as const
  t.same({ ...parseOptions(['--json'], options).values }, { json: true })
  for (const args of [['--nonsense'], ['more'], ['--json=1']]) {
    try {
      parseOptions(args, options)
      t.fail(args.join(' '))
    } catch (error) {
      const { name, message } = error as Error
      t.equal(name, 'UsageError')
      t.match(wrongUsage(message, usage), /^.+; usage: npm run lag \[-- --json\] \(more: --help\)$/)
    }
  }
})

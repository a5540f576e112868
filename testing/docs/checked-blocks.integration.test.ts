// Each block of shell in the pages is run by a test, or says why it can't be: then its pieces are checked.

import t from 'tap'
import { fileURLToPath } from 'node:url'
import { repository } from '../../scripts/paths.ts'
import { faultsOf, isUnmarked } from './checked-blocks.ts'
import { listMarkdown, parsePage, readPage } from './markdown.ts'

const root = fileURLToPath(repository)

t.test('each block is run, or says why not and names what there is', async (t) => {
  for (const file of listMarkdown(root)) {
    const { fences } = readPage(root, file)
    const unmarked = fences.filter(isUnmarked).map(({ line, info }) => `line ${line}: ${info}`)
    t.same(unmarked, [], `${file}: sh run, sh run=start or sh check=REASON`)
    t.same(faultsOf(root, fences), [], file)
  }
})

t.test('what is unmarked or not there is found', async (t) => {
  const faults = (info: string, text: string) =>
    faultsOf(root, parsePage(['```' + info, text, '```'].join('\n')).fences)
  for (const info of ['sh', 'bash run', 'sh run=Start', 'sh check=', 'sh check=later'])
    t.ok(isUnmarked({ info, line: 1, text: '' }), info)
  for (const info of [
    'sh run',
    'sh run=start',
    'sh run=exit-3',
    'sh check=minutes',
    'text',
    'js a.mjs',
  ])
    t.notOk(isUnmarked({ info, line: 1, text: '' }), info)

  for (const [info, text, fault] of [
    ['sh check=docker', 'echo x', 'nothing in it is a reason for check=docker'],
    ['sh check=your-values', 'export HTTP_PROT=1', 'HTTP_PROT is no setting'],
    ['sh check=your-values', 'echo "$PASSWORD"', '$PASSWORD is not set'],
    ['sh check=minutes', 'npm run bench:tune -- POOL=1', 'POOL is no setting'],
    [
      'sh check=docker',
      'docker compose up --wait posgres',
      'docker-compose.yml has no service posgres',
    ],
    ['sh check=docker', 'docker compose up --scale a=2', 'docker-compose.yml has no service a'],
    ['sh check=docker', 'docker compose up --biuld', 'docker compose up has no --biuld'],
    ['sh check=kubernetes', 'kubectl exec deployment/api-x', 'deployment/api-x is in no manifest'],
    [
      'sh check=kubernetes',
      'kubectl exec x -- node dist/scripts/lags.js',
      'scripts/lags.ts is not there',
    ],
    [
      'sh check=kubernetes',
      'kubectl create --from-literal=JWT=1',
      'JWT is not in k8s/secret.example.yaml',
    ],
    ['sh check=usual-ports', 'curl localhost:9466', 'nothing of ours listens on 9466'],
  ] as const) {
    t.same(faults(info, text), [`line 1: ${fault}`], text)
  }
  t.throws(() => faults('sh check=kubernetes', 'kubectl apply --kustomize k8s/none'), /ENOENT/)
  const many =
    'key=$(openssl rand -hex 8)\nfor i in 1 2; do curl "$URL" -H "k: $key"; done | sed "s/$i//" # $x'
  t.same(faults('sh check=your-values', many), [])
})

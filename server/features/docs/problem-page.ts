// What one type of problem means, when it is answered and what to do: the page that `type` leads to.
// Its links are relative, so they hold behind a proxy that serves the API below a path of its own.

import type { DescribedProblem } from '../../http/contract/problem-catalogue.ts'
import { problemBody, problemTitles } from '../../http/problem.ts'
import { html, type Html } from './html.ts'
import { json, layout, prose } from './layout.ts'

/** Its slug, for people. */
export const nameOf = ({ slug }: { readonly slug: string }): string => {
  const words = slug.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

export const renderProblem = ({ type, kinds, endpoints }: DescribedProblem): string => {
  const { slug, status, when, remedy } = type
  const headers = new Map(kinds.flatMap((one) => one.headers ?? []).map((one) => [one.name, one]))
  return layout(
    nameOf(type),
    html`<main class="narrow">
      <p><a href="../../docs#problems">All problems</a></p>
      <h1>${nameOf(type)}</h1>
      <p class="dim"><code>${slug}</code>, status ${status} (${problemTitles[status]})</p>
      <h2>What it means</h2>
      <p>${prose(when)}</p>
      <h2>What to do</h2>
      <p>${prose(remedy)}</p>
      <h2>How it looks</h2>
      ${kinds.slice(0, 1).map((one) => json(problemBody(one)))}
      ${kinds.length > 1 ? details(kinds.map(({ detail }) => detail)) : ''}
      ${
        headers.size > 0
          ? html`<h2>Its headers</h2>
              <ul>
                ${[...headers.values()].map(
                  (one) => html`<li><code>${one.name}</code>: ${prose(one.description)}</li>`,
                )}
              </ul>`
          : ''
      }
      <h2>Who answers it</h2>
      ${
        endpoints.length === 0
          ? html`<p>Any request, whatever it is for.</p>`
          : html`<ul>
              ${endpoints.map(
                ({ method, path, operationId, summary }) =>
                  html`<li>
                    <a href="../../docs#${operationId}"><code>${method} ${path}</code></a>
                    ${summary}
                  </li>`,
              )}
            </ul>`
      }
    </main>`,
  )
}

const details = (all: readonly string[]): Html =>
  html`<p>Its <code>detail</code> is written for people, and differs:</p>
    <ul>
      ${all.map((one) => html`<li>${one}</li>`)}
    </ul>`

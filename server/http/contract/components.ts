// The components of a document in the making: what has a name is described once, and referred to.

import { isDeepStrictEqual } from 'node:util'
import type { JsonSchema, Shape } from '../../../lib/domain/shape.ts'
import type { ResponseHeader } from '../response-headers.ts'
import type {
  Components,
  Example,
  Header,
  Parameter,
  Reference,
  ResponseWithReferences,
} from './openapi.ts'

export type ComponentsInTheMaking = ReturnType<typeof createComponents>

export const createComponents = () => {
  const schemas = new Map<string, JsonSchema>()
  const parameters = new Map<string, Parameter>()
  const headers = new Map<string, Header>()
  const examples = new Map<string, Example>()
  const responses = new Map<string, ResponseWithReferences>()

  const refer = <T>(
    kind: keyof Components,
    all: Map<string, T>,
    name: string,
    one: T,
  ): Reference => {
    const known = all.get(name)
    if (known !== undefined && !isDeepStrictEqual(known, one)) {
      throw new Error(`two differing ${kind} are called ${name}`)
    }
    all.set(name, one)
    return { $ref: `#/components/${kind}/${name}` }
  }

  return {
    schema({ schema, definitions }: Shape<unknown>): JsonSchema {
      for (const [name, one] of Object.entries(definitions)) refer('schemas', schemas, name, one)
      return schema
    },
    parameter: (name: string | undefined, one: Parameter): Parameter | Reference =>
      name === undefined ? one : refer('parameters', parameters, name, one),
    response: (
      name: string | undefined,
      one: ResponseWithReferences,
    ): ResponseWithReferences | Reference =>
      name === undefined ? one : refer('responses', responses, name, one),
    /** Itself, or what it refers to. */
    resolved(one: ResponseWithReferences | Reference): ResponseWithReferences {
      if (!('$ref' in one)) return one
      const found = responses.get(one.$ref.slice('#/components/responses/'.length))
      if (!found) throw new Error(`nothing is called ${one.$ref}`)
      return found
    },
    headers: (all: readonly ResponseHeader[]): Record<string, Reference> =>
      Object.fromEntries(
        all.map(({ name, component, description, isRequired, schema }) => [
          name,
          refer('headers', headers, component ?? name, {
            description,
            ...(isRequired && { required: true }),
            schema,
          }),
        ]),
      ),
    /** Each once, however many responses have it. Those that share a name and differ are numbered. */
    namedExamples: (all: readonly { readonly name: string; readonly value: unknown }[]) =>
      Object.fromEntries(
        all.map(({ name, value }) => {
          const example = { value: JSON.parse(JSON.stringify(value)) as unknown }
          let own = name
          const isAnother = () =>
            examples.has(own) && !isDeepStrictEqual(examples.get(own), example)
          for (let i = 2; isAnother(); i++) own = `${name}-${i}`
          return [own, refer('examples', examples, own, example)]
        }),
      ),
    examples: (values: readonly unknown[]) =>
      Object.fromEntries(
        // As they are sent: times are text.
        values.map((value, i) => [
          `example${i + 1}`,
          { value: JSON.parse(JSON.stringify(value)) as unknown },
        ]),
      ),
    made: (): Omit<Components, 'securitySchemes'> => ({
      schemas: Object.fromEntries(schemas),
      parameters: Object.fromEntries(parameters),
      headers: Object.fromEntries(headers),
      examples: Object.fromEntries(examples),
      responses: Object.fromEntries(responses),
    }),
  }
}

// The part of OpenAPI 3.1 that our document uses, as types: what is written and what the page reads.

/** JSON Schema 2020-12. */
export type Schema = {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly $ref?: string
  readonly format?: string
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly const?: string
  readonly enum?: readonly string[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
  readonly required?: readonly string[]
  readonly anyOf?: readonly Schema[]
}

export type Header = {
  readonly description: string
  /** It is always there. */
  readonly required?: true
  readonly schema: Schema
}
export type Headers = Readonly<Record<string, Header>>

export type Media = {
  readonly schema: Schema
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>
}
export type Content = Readonly<Record<string, Media>>

export type Response = {
  readonly description: string
  readonly headers?: Headers
  readonly content?: Content
}
/** By status. */
export type Responses = Readonly<Record<string, Response>>

export type Parameter = {
  readonly name: string
  readonly in: 'query' | 'path' | 'header'
  readonly required?: true
  readonly description: string
  readonly schema: Schema
  readonly example?: string | number
}

export type Operation = {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tags: readonly string[]
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: {
    readonly required: true
    readonly description: string
    readonly content: Content
  }
  readonly responses: Responses
}

export type Method = 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete' | 'options'
export type PathItem = Readonly<Partial<Record<Method, Operation>>>

export type OpenApi = {
  readonly openapi: '3.1.0'
  readonly info: {
    readonly title: string
    readonly version: string
    readonly summary: string
    readonly description: string
    readonly license: { readonly name: string; readonly identifier: string }
  }
  readonly servers: readonly { readonly url: string }[]
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly securitySchemes: Readonly<Record<string, Readonly<Record<string, string>>>>
  }
}

// The page in memory, as replies that are made once. It is read when it is first asked for, so that it
// costs the start of a process nothing, and again each time while there is none: a build may be under way.

import { join } from 'node:path'
import type { Config } from '../../../lib/runtime/config/config.ts'
import { createBoundedLog, type Log } from '../../../lib/runtime/log.ts'
import { root } from '../../../lib/runtime/root.ts'
import { withoutBody } from '../../http/contract/answer.ts'
import { chooseEncoding, contentTag, etagMatches, type Encoding } from '../../http/encodings.ts'
import {
  createReady,
  createReply,
  type ReadyReply,
  type ReadySource,
  type Tally,
} from '../../http/engines/engine.ts'
import { indexName, readBuiltPage, type PageFile } from './built-page.ts'
import { cachingOf, headersOf } from './headers.ts'

export const pagePath = '/app'

export type Page = {
  /** The file below the page with this name; `index.html` is the page itself. */
  find(name: string): Promise<'not-built' | 'unknown' | PageReplies>
  isBuilt(): Promise<boolean>
  /** Once it has been read: for a target that names a file, as it is spelled. */
  sourceOfTarget(
    target: string,
    acceptEncoding?: string,
    ifNoneMatch?: string,
  ): ReadySource | undefined
  readonly tallies: { readonly full: Tally; readonly notModified: Tally }
}

/** What a file is answered with: undefined when `Accept-Encoding` takes no form of it. */
export type PageReplies = (acceptEncoding?: string, ifNoneMatch?: string) => ReadyReply | undefined

type Form = {
  readonly reply: ReadyReply
  readonly etag: string
  readonly notModified: ReadyReply
}

/** `headers` come on top of those of each file. */
export const openPage = (
  { PAGE_DIRECTORY }: Pick<Config, 'PAGE_DIRECTORY'>,
  headers: readonly string[],
  log: Log,
): Page => {
  const directory = PAGE_DIRECTORY === '' ? join(root ?? '', 'web', 'dist') : PAGE_DIRECTORY
  const tallies = { full: { requests: 0 }, notModified: { requests: 0 } }
  const warn = createBoundedLog((fields, message) => log.warn(fields, message))
  let byTarget: ReadonlyMap<string, PageReplies> | undefined
  let reading: Promise<void> | undefined

  const repliesOf = (file: PageFile): PageReplies => {
    const forms = new Map<Encoding, Form>()
    for (const [name, bytes] of Object.entries(file.forms)) {
      const encoding = name as Encoding
      forms.set(encoding, formOf(file, encoding, bytes))
    }
    return (acceptEncoding, ifNoneMatch) => {
      const { encoding, isIdentityRefused } = chooseEncoding(acceptEncoding)
      if (encoding === undefined) return undefined
      const form = forms.get(encoding) ?? (isIdentityRefused ? undefined : forms.get('identity'))
      if (form === undefined || ifNoneMatch === undefined) return form?.reply
      return etagMatches(ifNoneMatch, form.etag) ? form.notModified : form.reply
    }
  }

  const formOf = ({ name, mediaType }: PageFile, encoding: Encoding, bytes: Buffer): Form => {
    const etag = contentTag(bytes)
    const coding = encoding === 'identity' ? [] : ['Content-Encoding', encoding]
    const validators = ['ETag', etag, ...cachingOf(name), ...headers]
    const full = createReply(200, [...headersOf(name, mediaType), ...coding, ...validators], bytes)
    return {
      etag,
      reply: createReady(full, tallies.full),
      notModified: createReady(withoutBody(304, validators), tallies.notModified),
    }
  }

  const read = async (): Promise<void> => {
    try {
      const files = await readBuiltPage(directory)
      if (!files) return
      byTarget = new Map(
        files.flatMap((file) => {
          const replies = repliesOf(file)
          return targetsOf(file.name).map((target) => [target, replies] as const)
        }),
      )
    } catch (error) {
      warn({ reason: (error as Error).message }, "the page can't be read")
    }
  }

  const load = async () => {
    if (!byTarget) await (reading ??= read().finally(() => (reading = undefined)))
    return byTarget
  }

  return {
    async find(name) {
      const loaded = await load()
      if (!loaded) return 'not-built'
      return loaded.get(`${pagePath}/${name === indexName ? '' : name}`) ?? 'unknown'
    },
    isBuilt: async () => (await load()) !== undefined,
    sourceOfTarget(target, acceptEncoding, ifNoneMatch) {
      const replies = byTarget?.get(target)
      return replies && (() => replies(acceptEncoding, ifNoneMatch))
    },
    tallies,
  }
}

/** The page has the address that its views are below, and no other. */
const targetsOf = (name: string): string[] =>
  name === indexName ? [pagePath, `${pagePath}/`] : [`${pagePath}/${name}`]

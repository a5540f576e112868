// The page: the document that a browser opens, and the files below it.

import type { Endpoint } from '../../http/contract/endpoint.ts'
import { getPage } from './get-page.ts'
import { getPageFile } from './get-page-file.ts'
import type { PageParts } from './vocabulary.ts'

export const pageEndpoints = (parts: PageParts): Endpoint[] => [getPage(parts), getPageFile(parts)]

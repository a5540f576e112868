// A diagram from its Mermaid source, without a browser: for the site and for the pictures in diagrams/.

import { renderMermaidSVG, type RenderOptions } from 'beautiful-mermaid'

const fonts = 'system-ui, sans-serif'

export const drawDiagram = (source: string, options: RenderOptions): string =>
  renderMermaidSVG(source, { nodeSpacing: 48, layerSpacing: 24, padding: 12, ...options })
    // The font is the reader's: nothing is loaded from elsewhere.
    .replace(/@import [^\n]*\n/, '')
    .replaceAll(/font-family: 'Inter'[^;]*;/g, `font-family: ${fonts};`)
    // beautiful-mermaid 1.1.3 draws the head at an edge's start the wrong way round, inside of the node.
    .replace('orient="auto-start-reverse"', 'orient="auto"')
    // The frame of a label is as wide as the label in that font.
    .replace('<style>', '<style>\n  .edge-label rect { stroke: none }')

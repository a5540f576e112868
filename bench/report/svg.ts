// One chart as inline SVG. It has to be read on a phone without a script. So across it is laid out in
// percent and down in pixels: text keeps its size at any width. Ink only: lines differ by dash and
// marker and are named where they end.

import { markup, type Markup } from './markup.ts'
import { positionOn, type Scale } from './scale.ts'

export type Point = readonly [x: number, y: number]

export type Axis = {
  readonly scale: Scale
  readonly label: string
  readonly show: (value: number) => string
}

export type Line = {
  readonly name: string
  readonly points: readonly Point[]
  readonly style: LineStyle
  /** Measured points have one each; a series over time has a few, to tell lines apart. */
  readonly markers: 'each' | 'some' | 'none' | 'instead of a line'
}

export type Chart = {
  readonly title: string
  /** What it shows, in a sentence, for those who don't see it. */
  readonly description: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
  /** Points of a line that are worth a name. */
  readonly marks?: readonly { readonly at: Point; readonly name: string }[]
  /** An x that is worth a line of its own. */
  readonly rule?: { readonly x: number; readonly name: string }
}

export type LineStyle = { readonly dash: string; readonly marker: Marker }
type Marker = 'disc' | 'ring' | 'square' | 'box' | 'triangle' | 'diamond' | 'cross'

/** No two alike in dash, nor in marker. */
export const lineStyles = [
  { dash: '', marker: 'disc' },
  { dash: '7 3', marker: 'ring' },
  { dash: '2 3', marker: 'square' },
  { dash: '10 3 2 3', marker: 'triangle' },
  { dash: '5 2', marker: 'box' },
  { dash: '1 2', marker: 'diamond' },
  { dash: '12 4', marker: 'cross' },
] as const satisfies readonly LineStyle[]

export const styleOf = (index: number): LineStyle =>
  lineStyles[index % lineStyles.length] ?? lineStyles[0]

const heightPx = 200
const across = 1000 // units of the stretched drawing of the lines
const namesGapPx = 15

export const chart = (it: Chart): Markup => {
  const named = it.lines.length > 1
  return markup`<div class="${named ? 'plot named' : 'plot'}"><svg role="img" width="100%" height="${heightPx}"
><title>${it.title}</title><desc>${it.description}</desc>${grid(it)}${it.lines.map((line) => drawLine(it, line))}${ruleOf(it)}${marksOf(it)}${named ? namesOf(it) : null}</svg></div>`
}

const xOf = ({ x }: Chart, value: number): string =>
  `${(positionOn(x.scale, value) * 100).toFixed(2)}%`
const yOf = ({ y }: Chart, value: number): number =>
  Math.round((1 - positionOn(y.scale, value)) * heightPx * 10) / 10

const grid = (it: Chart): Markup => {
  const { ticks } = it.x.scale
  // A phone has room for about five labels.
  const isRoomy = (i: number) => ticks.length > 6 && (ticks.length - 1 - i) % 2 === 1
  return markup`<text class="axis" x="0" dx="-52" y="-16">${it.y.label}</text>
${it.y.scale.ticks.map((tick) => {
  const y = yOf(it, tick)
  return markup`<line class="${y === heightPx ? 'base' : 'grid'}" x1="0" x2="100%" y1="${y}" y2="${y}"/>
<text class="tick end" x="0" dx="-8" y="${y}" dy=".35em">${it.y.show(tick)}</text>`
})}
${ticks.map((tick, i) => {
  const x = xOf(it, tick)
  return markup`<g class="${isRoomy(i) ? 'roomy' : 'always'}"><line class="base" x1="${x}" x2="${x}" y1="${heightPx}" y2="${heightPx + 4}"/>
<text class="tick middle" x="${x}" y="${heightPx}" dy="17">${it.x.show(tick)}</text></g>`
})}
<text class="axis end" x="100%" y="${heightPx}" dy="34">${it.x.label}</text>`
}

const drawLine = (it: Chart, { name, points, style, markers }: Line): Markup => {
  const at = ([x, y]: Point) => `${(positionOn(it.x.scale, x) * across).toFixed(1)} ${yOf(it, y)}`
  const every = markers === 'some' ? Math.max(1, Math.ceil(points.length / 6)) : 1
  const marked = points.filter((_, i) => markers !== 'none' && i % every === every >> 1)
  const path =
    markers === 'instead of a line' || points.length === 0 ? '' : points.map(at).join('L')
  return markup`<g class="line"><title>${name}</title><svg viewBox="0 0 ${across} ${heightPx}" preserveAspectRatio="none" width="100%" height="${heightPx}"
><path class="stroke" stroke-dasharray="${style.dash || 'none'}" d="${path && `M${path}`}"/></svg>
${marked.map((point) => markerAt(xOf(it, point[0]), yOf(it, point[1]), style.marker))}</g>`
}

const shapes: Readonly<Record<Marker, { readonly class: string; readonly d: string }>> = {
  disc: { class: 'full', d: 'M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0z' },
  ring: { class: 'open', d: 'M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0z' },
  square: { class: 'full', d: 'M-2.8-2.8h5.6v5.6h-5.6z' },
  box: { class: 'open', d: 'M-2.8-2.8h5.6v5.6h-5.6z' },
  triangle: { class: 'full', d: 'M0-3.8L3.6 2.6h-7.2z' },
  diamond: { class: 'open', d: 'M0-4L4 0L0 4L-4 0z' },
  cross: { class: 'stroke', d: 'M-3-3L3 3M-3 3L3-3' },
}

const markerAt = (x: string, y: number, marker: Marker, dx = 0): Markup => {
  const { class: kind, d } = shapes[marker]
  return markup`<svg class="at" x="${x}" y="${y}" width="1" height="1"><path class="${kind}" transform="translate(${dx})" d="${d}"/></svg>`
}

const marksOf = (it: Chart): Markup[] =>
  (it.marks ?? []).map(({ at: [x, y], name }) => {
    // At the sides of the chart a label in the middle would cover those of the axis.
    const position = positionOn(it.x.scale, x)
    const anchor = position > 0.8 ? 'end' : position < 0.15 ? 'start' : 'middle'
    const place = xOf(it, x)
    return markup`<g class="mark"><line class="drop" x1="${place}" x2="${place}" y1="${yOf(it, y)}" y2="${heightPx}"/>${markerAt(place, yOf(it, y), 'disc')}
<text class="tick ${anchor} roomy" x="${place}" y="${yOf(it, y)}" dy="-9">${name}</text></g>`
  })

const ruleOf = (it: Chart): Markup | null => {
  if (it.rule === undefined) return null
  const x = xOf(it, it.rule.x)
  const anchor = positionOn(it.x.scale, it.rule.x) > 0.5 ? 'end' : 'start'
  return markup`<line class="drop" x1="${x}" x2="${x}" y1="0" y2="${heightPx}"/>
<text class="tick ${anchor}" x="${x}" dx="${anchor === 'end' ? -6 : 6}" y="${heightPx - 8}">${it.rule.name}</text>`
}

/** At the ends of the lines, moved apart where they would overlap. */
const namesOf = (it: Chart): Markup[] => {
  const ends = it.lines
    .map(({ name, style, points }) => ({ name, style, y: yOf(it, points.at(-1)?.[1] ?? 0) }))
    .toSorted((a, b) => a.y - b.y)
  let lowest = heightPx + namesGapPx
  const places = ends
    .map((end, i) => ({ ...end, y: Math.max(end.y, i * namesGapPx) }))
    .toReversed()
    .map((end) => {
      lowest = Math.min(end.y, lowest - namesGapPx)
      return { ...end, y: lowest }
    })
  return places.map(
    ({ name, style, y }) =>
      markup`${markerAt('100%', y, style.marker, 12)}<text class="tick start" x="100%" dx="20" y="${y}" dy=".35em">${name}</text>`,
  )
}

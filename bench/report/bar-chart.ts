/** Horizontal bars in panels, each panel with a scale of its own. Pure. */
import type { Spread } from '../statistics.ts';
import { type Look, lookOf } from './look.ts';
import { niceTicks } from './scale.ts';
import { element, line, picture, text } from './svg.ts';

export interface Bar {
  readonly contestant: string;
  readonly figure: Spread;
}

export interface BarPanel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

export type Format = (value: number) => string;

const WIDTH = 960;
const [TOP, LEFT, GAP] = [52, 20, 36];
const ROW = 22;
const LABEL_WIDTH = 128;
const VALUE_WIDTH = 66;
const PANEL_HEAD = 26;
const PANEL_FOOT = 30;

/** Medians as bars, lowest to highest round as whiskers; two panels side by side. */
export function barChart(title: string, panels: readonly BarPanel[], format: Format): string {
  const columns = panels.length === 1 ? 1 : 2;
  const width = (WIDTH - 2 * LEFT - (columns - 1) * GAP) / columns;
  const parts: string[] = [];
  let y = TOP;
  for (let i = 0; i < panels.length; i += columns) {
    const row = panels.slice(i, i + columns);
    row.forEach((panel, column) => {
      parts.push(drawPanel(panel, LEFT + column * (width + GAP), y, width, format));
    });
    y += Math.max(...row.map(({ bars }) => PANEL_HEAD + bars.length * ROW + PANEL_FOOT));
  }
  return picture(WIDTH, y + 6, title, ...parts);
}

function drawPanel({ title, bars }: BarPanel, x: number, y: number, width: number, format: Format): string {
  const plotX = x + LABEL_WIDTH;
  const plotWidth = width - LABEL_WIDTH - VALUE_WIDTH;
  const ticks = niceTicks(Math.max(...bars.map(({ figure }) => figure.max)), 4);
  const scale = (value: number): number => plotX + (value / ticks.at(-1)!) * plotWidth;
  const [plotTop, plotBottom] = [y + PANEL_HEAD - 8, y + PANEL_HEAD + bars.length * ROW];
  return [
    text(x, y + 8, title, 'panel'),
    ...ticks.flatMap((tick) => [
      line(scale(tick), plotTop, scale(tick), plotBottom, tick === 0 ? 'axis' : 'grid'),
      text(scale(tick), plotBottom + 14, format(tick), 'tick', 'middle'),
    ]),
    ...bars.map((bar, i) => drawBar(bar, y + PANEL_HEAD + i * ROW, scale, format)),
  ].join('');
}

function drawBar(
  { contestant, figure }: Bar,
  y: number,
  scale: (value: number) => number,
  format: Format,
): string {
  const look = lookOf(contestant);
  const zero = scale(0);
  const middle = y + ROW / 2 - 2;
  return [
    text(zero - 8, middle + 4, look.label, 'label', 'end'),
    element('rect', {
      x: zero,
      y: middle - 7,
      width: Math.max(1, scale(figure.median) - zero),
      height: 14,
      rx: 2,
      ...fillOf(look),
    }),
    line(scale(figure.min), middle, scale(figure.max), middle, 'whisker'),
    text(scale(figure.max) + 6, middle + 4, format(figure.median), 'value'),
  ].join('');
}

/** Those that have dashed lines have paler bars. */
function fillOf({ colour, dash }: Look): { fill: string; 'fill-opacity': number } {
  return { fill: colour, 'fill-opacity': dash === '' ? 0.9 : 0.55 };
}

/** Distributions above each other on one logarithmic axis. Pure. */
import { formatNs } from '../../src/cli/format.ts';
import type { Histogram } from '../contestant.ts';
import { countOf, percentile } from '../statistics.ts';
import { lookOf } from './look.ts';
import { decades, logScale } from './scale.ts';
import { element, line, path, picture, text } from './svg.ts';

export interface Ridge {
  readonly contestant: string;
  readonly histogram: Histogram;
}

const WIDTH = 960;
const [LEFT, RIGHT, TOP] = [148, 930, 64];
const ROW = 46;
const BINS = 196;
const PERCENTILES = [50, 99, 99.9] as const;

/** A row each: how often a time occurs, highest at its own peak, with marks at p50, p99 and p99.9. */
export function ridgeChart(title: string, ridges: readonly Ridge[]): string {
  const shortest = Math.min(...ridges.map(({ histogram }) => percentile(histogram, 0.1)));
  const longest = Math.max(...ridges.map(({ histogram }) => percentile(histogram, 99.95)));
  const ticks = decades(shortest, longest);
  const toX = logScale([ticks[0]!, ticks.at(-1)!], [LEFT, RIGHT]);
  const bottom = TOP + ridges.length * ROW;
  return picture(
    WIDTH,
    bottom + 50,
    title,
    ...ticks.flatMap((tick) => [
      line(toX(tick), TOP - 6, toX(tick), bottom, 'grid'),
      text(toX(tick), bottom + 18, formatNs(tick).replace('.00', '').replace('.0', ''), 'tick', 'middle'),
    ]),
    ...ridges.map((ridge, i) => drawRidge(ridge, TOP + (i + 1) * ROW - 6, toX)),
    text((LEFT + RIGHT) / 2, bottom + 38, 'round-trip time; marks at p50, p99 and p99.9', 'tick', 'middle'),
  );
}

function drawRidge({ contestant, histogram }: Ridge, base: number, toX: (ns: number) => number): string {
  const { label, colour } = lookOf(contestant);
  const step = (RIGHT - LEFT) / BINS;
  const bins = new Float64Array(BINS);
  for (const [ns, count] of histogram) {
    const bin = Math.floor((toX(ns) - LEFT) / step);
    if (bin >= 0 && bin < BINS) bins[bin]! += count;
  }
  const smooth = bins.map((count, i) => (bins[i - 1] ?? 0) / 4 + count / 2 + (bins[i + 1] ?? 0) / 4);
  const peak = Math.max(...smooth, countOf(histogram) * 1e-9);
  const points = [...smooth].map(
    (count, i) => [LEFT + (i + 0.5) * step, base - (count / peak) * (ROW - 12)] as const,
  );
  return [
    text(LEFT - 12, base - 4, label, 'label', 'end'),
    element('path', {
      d: `${path([[LEFT, base], ...points, [RIGHT, base]])}Z`,
      fill: colour,
      'fill-opacity': 0.35,
      stroke: colour,
      'stroke-width': 1.5,
    }),
    ...PERCENTILES.map((percent) => percentile(histogram, percent)).map((ns) => {
      const x = Math.min(toX(ns), RIGHT);
      return line(x, base - 9, x, base + 4, 'whisker');
    }),
  ].join('');
}

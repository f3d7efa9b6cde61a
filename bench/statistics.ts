/** Medians, spreads and distributions. Pure. */
import type { Histogram } from './contestant.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Of at least one figure; null of none. The median of an even number is the mean of the two in the middle. */
export function spreadOf(figures: readonly number[]): Spread | null {
  if (figures.length === 0) return null;
  const sorted = [...figures].sort((a, b) => a - b);
  const upper = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[upper]! : (sorted[upper - 1]! + sorted[upper]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** All counts of all histograms; ascending. */
export function mergeHistograms(histograms: readonly Histogram[]): Histogram {
  const counts = new Map<number, number>();
  for (const histogram of histograms) {
    for (const [ns, count] of histogram) counts.set(ns, (counts.get(ns) ?? 0) + count);
  }
  return [...counts].sort(([a], [b]) => a - b);
}

export function countOf(histogram: Histogram): number {
  return histogram.reduce((sum, [, count]) => sum + count, 0);
}

/** The smallest value that `percent` of all counts do not exceed; NaN of nothing. */
export function percentile(histogram: Histogram, percent: number): number {
  // Rounded, because 99.9 / 100 * 1000 is a little more than 999.
  const rank = Math.max(1, Math.ceil(Number(((percent / 100) * countOf(histogram)).toPrecision(12))));
  let seen = 0;
  for (const [ns, count] of histogram) {
    seen += count;
    if (seen >= rank) return ns;
  }
  return Number.NaN;
}

/** Where a publisher was at `share` of its full speed: ms since the first message; NaN when it never was. */
export function fullSpeedMs(samples: readonly number[], sampleMs: number, share: number): number {
  const settled = spreadOf(samples.slice(samples.length >> 1))?.median ?? Number.NaN;
  const index = samples.findIndex((messages) => messages >= settled * share);
  return index < 0 ? Number.NaN : (index + 1) * sampleMs;
}

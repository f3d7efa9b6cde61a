/** Where values lie on an axis, and which are written at it. Pure. */

/** From 0 to at least `max`, about `count` steps of 1, 2 or 5 times a power of ten. */
export function niceTicks(max: number, count: number): number[] {
  const rough = (max > 0 ? max : 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999)!;
  const steps = Math.max(1, Math.ceil((max / step) * 0.9999));
  return Array.from({ length: steps + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** The powers of ten from at most `min` to at least `max`; both are positive. */
export function decades(min: number, max: number): number[] {
  const [first, last] = [Math.floor(Math.log10(min) + 1e-9), Math.ceil(Math.log10(max) - 1e-9)];
  return Array.from({ length: Math.max(last - first, 1) + 1 }, (_, i) => Number(`1e${first + i}`));
}

/** Maps `from` to `to` by the logarithm. */
export function logScale(
  from: readonly [number, number],
  to: readonly [number, number],
): (value: number) => number {
  const [low, high] = from.map(Math.log10) as [number, number];
  return (value) => to[0] + ((Math.log10(value) - low) / (high - low)) * (to[1] - to[0]);
}

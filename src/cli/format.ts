/** Numbers as people read them. */

type Unit = readonly [factor: number, suffix: string];

const NS: readonly Unit[] = [
  [1, 'ns'],
  [1e3, 'µs'],
  [1e6, 'ms'],
  [1e9, 's'],
];
const BYTES: readonly Unit[] = [
  [1, 'B'],
  [1e3, 'kB'],
  [1e6, 'MB'],
  [1e9, 'GB'],
];
const COUNTS: readonly Unit[] = [
  [1, ''],
  [1e3, 'k'],
  [1e6, 'M'],
  [1e9, 'G'],
];

/** A duration of nanoseconds with its unit: `1.25 µs`. */
export function formatNs(ns: number): string {
  return withUnit(ns, NS);
}

/** A number of bytes with a decimal unit: `1.25 GB`. */
export function formatBytes(bytes: number): string {
  return withUnit(bytes, BYTES);
}

/** A rate with k, M or G: `1.25 M`. */
export function formatRate(perSecond: number): string {
  return withUnit(perSecond, COUNTS);
}

/** A whole number with a comma every three digits. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** Three digits, in the largest unit that leaves one before the point. */
function withUnit(value: number, units: readonly Unit[]): string {
  const [factor, suffix] = units.findLast(([candidate]) => value >= candidate) ?? units[0]!;
  const number = value / factor;
  const digits = factor === 1 || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
  return `${number.toFixed(digits)} ${suffix}`.trimEnd();
}

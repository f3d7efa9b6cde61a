import { AeronError } from '../util/errors.ts';

const SIZE_UNITS: readonly (readonly [string, number])[] = [
  ['g', 1024 ** 3],
  ['m', 1024 ** 2],
  ['k', 1024],
  ['', 1],
];

const DURATION_UNITS: readonly (readonly [string, number])[] = [
  ['s', 1e9],
  ['ms', 1e6],
  ['us', 1e3],
  ['ns', 1],
];

/** Bytes of `64k`, `16m`, `1g` or `1408`. Throws AeronError `INVALID_SIZE`. */
export function parseSize(text: string): number {
  const size = parse(text, SIZE_UNITS);
  if (size === null) {
    throw new AeronError(
      'INVALID_SIZE',
      `'${text}' is not a size. Write bytes, or a number with k, m or g: 64k.`,
    );
  }
  return size;
}

/** Nanoseconds of `5s`, `200ms`, `10us`, `100ns` or `100`. Throws AeronError `INVALID_DURATION`. */
export function parseDurationNs(text: string): number {
  const durationNs = parse(text, DURATION_UNITS) ?? parse(text, [['', 1]]);
  if (durationNs === null) {
    throw new AeronError(
      'INVALID_DURATION',
      `'${text}' is not a duration. Write nanoseconds, or a number with s, ms, us or ns: 200ms.`,
    );
  }
  return durationNs;
}

/** The shortest text that {@link parseSize} reads as `bytes`. */
export function formatSize(bytes: number): string {
  return format(bytes, SIZE_UNITS);
}

/** The shortest text that {@link parseDurationNs} reads as `ns`, with its unit. */
export function formatDuration(ns: number): string {
  return format(ns, DURATION_UNITS);
}

function parse(text: string, units: readonly (readonly [string, number])[]): number | null {
  const match = /^(\d+)([a-z]*)$/i.exec(text);
  const unit = units.find(([suffix]) => suffix === match?.[2]?.toLowerCase());
  if (match === null || unit === undefined) return null;
  const value = Number(match[1]) * unit[1];
  return Number.isSafeInteger(value) ? value : null;
}

function format(value: number, units: readonly (readonly [string, number])[]): string {
  const [suffix, factor] = units.find(([, size]) => value !== 0 && value % size === 0) ?? units.at(-1)!;
  return `${value / factor}${suffix}`;
}

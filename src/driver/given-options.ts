import { ConfigurationError } from '../util/errors.ts';
import { didYouMean, meantBy } from '../util/slips.ts';
import type { DriverOptions } from './driver-options.ts';
import { SETTINGS, type Setting } from './settings.ts';

/**
 * Options as a program gives them, checked one by one: names and types. What is undefined counts as left out. The ranges
 * of the table are for users: programs may go below them, a simulation with small buffers for instance.
 * @throws ConfigurationError for an option that there is not, or a value of another type than the table says.
 */
export function checkedOptions(given: Partial<DriverOptions>): Partial<DriverOptions> {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [name, value] of entries) {
    const expected = name === 'ealArguments' ? expectedList(value) : expectedOf(settingOf(name), value);
    if (expected !== null) throw new ConfigurationError(`${name} is ${shown(value)}; expected ${expected}`);
  }
  return Object.fromEntries(entries);
}

function settingOf(name: string): Setting {
  if (Object.hasOwn(SETTINGS, name)) return SETTINGS[name as keyof typeof SETTINGS];
  const meant = meantBy(name, [...Object.keys(SETTINGS), 'ealArguments']);
  throw new ConfigurationError(`${name} is not an option of the driver${didYouMean(meant)}`);
}

/** What a setting wants instead of a value; null when it takes the value. */
function expectedOf({ kind, values = {}, isOpen }: Setting, value: unknown): string | null {
  switch (kind) {
    case 'string':
    case 'idleStrategy':
      return typeof value === 'string' ? null : 'a string';
    case 'bool':
      return typeof value === 'boolean' ? null : 'true or false';
    case 'int':
    case 'size':
    case 'duration':
      return Number.isSafeInteger(value) ? null : 'an integer';
    case 'fraction':
      return typeof value === 'number' && value >= 0 && value <= 1 ? null : 'a number from 0 to 1';
    case 'int64':
      return value === null || typeof value === 'bigint' ? null : 'a bigint or null';
    case 'enum': {
      const names = [...new Set(Object.values(values))];
      if (typeof value === 'string' && (isOpen === true || names.includes(value))) return null;
      return isOpen === true ? 'a string' : `one of ${names.join(', ')}`;
    }
    case 'list':
      return expectedList(value);
    case 'portRange': {
      const { low, high } = Object(value) as { low?: unknown; high?: unknown };
      return isPort(low) && isPort(high) && low <= high
        ? null
        : '{ low, high } with ports, the lower one first';
    }
    case 'ipv4':
      return Number.isInteger(value) ? null : 'an IPv4 address as a number; 0 for none';
    case 'ipv4Interface': {
      if (value === null) return null;
      const { address, prefixLength } = Object(value) as { address?: unknown; prefixLength?: unknown };
      const isPrefix =
        prefixLength === null || (Number.isInteger(prefixLength) && (prefixLength as number) <= 32);
      return Number.isInteger(address) && isPrefix ? null : '{ address, prefixLength } with numbers, or null';
    }
  }
}

function expectedList(value: unknown): string | null {
  const isList = Array.isArray(value) && value.every((item) => typeof item === 'string');
  return isList ? null : 'an array of strings';
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535;
}

function shown(value: unknown): string {
  return typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value));
}

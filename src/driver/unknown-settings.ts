import { type ConfigurationInput, writtenSettings } from './configuration.ts';
import { environmentName, IGNORED_SETTINGS, SETTINGS } from './settings.ts';

/** This many letters more, less, other or swapped make a slip of the pen; more make another name. */
const SLIP_MAX = 2;

/**
 * Names that mean nothing to this driver and were most likely meant to: every `-Daeron.…` that is no setting, and what is
 * nearly one in a property file or the environment, where settings of other programs have their place too.
 * @returns a sentence for each, in the order they were written.
 * @throws ConfigurationError for arguments or files that cannot be read.
 */
export function unknownSettings(input: ConfigurationInput): string[] {
  const ignored = Object.values(IGNORED_SETTINGS).flat();
  const settings = [...Object.values(SETTINGS), ...ignored.map((property) => ({ property }))];
  const known = new Map(settings.map((setting) => [environmentName(setting), setting.property]));
  const sentences: string[] = [];
  for (const [name, { where }] of writtenSettings(input)) {
    if (!name.startsWith('AERON_') || known.has(name)) continue;
    const meant = nearest(name, known);
    if (meant !== undefined)
      sentences.push(`${where} is not a setting of this driver; did you mean ${meant}?`);
    else if (where.startsWith('-D'))
      sentences.push(`${where} is not a setting of this driver and has no effect.`);
  }
  return sentences;
}

function nearest(name: string, known: ReadonlyMap<string, string>): string | undefined {
  let least = SLIP_MAX + 1;
  let meant: string | undefined;
  for (const [candidate, property] of known) {
    const distance = editDistance(name, candidate);
    if (distance < least) [least, meant] = [distance, property];
  }
  return meant;
}

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment distance). */
function editDistance(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > SLIP_MAX) return SLIP_MAX + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      let distance = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (isSame ? 0 : 1),
      );
      const isSwapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (isSwapped) distance = Math.min(distance, beforeLast[column - 2]! + 1);
      current.push(distance);
    }
    [beforeLast, last] = [last, current];
  }
  return last[to.length]!;
}

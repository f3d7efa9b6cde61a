import { didYouMean, meantBy } from '../util/slips.ts';
import { type ConfigurationInput, writtenSettings } from './configuration.ts';
import { environmentName, IGNORED_SETTINGS, SETTINGS } from './settings.ts';

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
    const meant = meantBy(name, known.keys());
    if (meant === undefined && !where.startsWith('-D')) continue;
    sentences.push(`${where} is not a setting of this driver${didYouMean(meant && known.get(meant))}`);
  }
  return sentences;
}

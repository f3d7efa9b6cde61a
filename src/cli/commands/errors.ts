import { type ErrorObservation, readErrorLog } from '../../concurrent/distinct-error-log.ts';
import { CncView } from '../cnc-view.ts';
import { type Command, defineCommand } from '../command.ts';
import { DIR, JSON_OUTPUT } from '../options.ts';
import { directoryOf } from '../station.ts';

export const errors: Command = defineCommand({
  usage: 'errors [options]',
  about: 'Shows the distinct errors that a driver has recorded: how often, when first and when last.',
  options: { dir: DIR, json: JSON_OUTPUT },
  examples: ['aeron-bypass errors'],
  takesWords: false,
  run: async (values) => {
    const view = new CncView(directoryOf(values.dir));
    const observations: ErrorObservation[] = [];
    try {
      const { region, offset, length } = view.current().errorLog;
      readErrorLog(region, offset, length, (observation) => observations.push(observation));
    } finally {
      view.close();
    }
    if (values.json) {
      process.stdout.write(`${JSON.stringify({ errors: observations })}\n`);
      return 0;
    }
    for (const { observationCount, firstObservationMs, lastObservationMs, text } of observations) {
      const period = `${timeOf(firstObservationMs)} to ${timeOf(lastObservationMs)}`;
      process.stdout.write(`${observationCount} observations from ${period} for:\n ${text}\n\n`);
    }
    process.stdout.write(`${observations.length} distinct errors observed.\n`);
    return 0;
  },
});

function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

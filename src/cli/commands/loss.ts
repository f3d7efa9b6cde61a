import { join } from 'node:path';
import { LOSS_REPORT_FILE } from '../../cnc/cnc-file.ts';
import { type LossObservation, readLossReport } from '../../concurrent/loss-report-reader.ts';
import { Region } from '../../memory/region.ts';
import { AeronError, codeOf } from '../../util/errors.ts';
import { type Command, defineCommand } from '../command.ts';
import { DIR, JSON_OUTPUT } from '../options.ts';
import { directoryOf } from '../station.ts';

export const loss: Command = defineCommand({
  usage: 'loss [options]',
  about:
    'Shows, as comma-separated values, what each stream that a driver receives has lost and asked for again.',
  options: { dir: DIR, json: JSON_OUTPUT },
  examples: ['aeron-bypass loss'],
  takesWords: false,
  run: async (values) => {
    const report = mapReport(directoryOf(values.dir));
    const observations: LossObservation[] = [];
    try {
      readLossReport(report, (observation) => observations.push(observation));
    } finally {
      report.close();
    }
    process.stdout.write(
      values.json ? `${JSON.stringify({ losses: observations })}\n` : tableOf(observations),
    );
    return 0;
  },
});

function mapReport(directory: string): Region {
  const path = join(directory, LOSS_REPORT_FILE);
  try {
    return Region.map(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new AeronError(
      'LOSS_REPORT_NOT_FOUND',
      `no driver has made ${path}. Start one, or give its folder by --dir.`,
      {
        cause: error,
      },
    );
  }
}

const COLUMNS =
  '#OBSERVATION_COUNT,TOTAL_BYTES_LOST,FIRST_OBSERVATION,LAST_OBSERVATION,SESSION_ID,STREAM_ID,CHANNEL,SOURCE';

function tableOf(observations: readonly LossObservation[]): string {
  const rows = observations.map((entry) =>
    [
      entry.observationCount,
      entry.bytesLost,
      new Date(entry.firstObservationMs).toISOString(),
      new Date(entry.lastObservationMs).toISOString(),
      entry.sessionId,
      entry.streamId,
      entry.channel,
      entry.source,
    ].join(','),
  );
  return `${[COLUMNS, ...rows, `${observations.length} loss entries`].join('\n')}\n`;
}

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { BufferClaim } from '../../client/buffer-claim.ts';
import type { ExclusivePublication } from '../../client/exclusive-publication.ts';
import type { Subscription } from '../../client/subscription.ts';
import { SystemClock } from '../../concurrent/clock.ts';
import { NoOpIdleStrategy } from '../../concurrent/idle-strategy.ts';
import { AeronError } from '../../util/errors.ts';
import { type Command, defineCommand } from '../command.ts';
import { formatCount, formatNs } from '../format.ts';
import { DIR, EMBEDDED, JSON_OUTPUT } from '../options.ts';
import { PING_OPTIONS } from '../ping-options.ts';
import { DONE, Station } from '../station.ts';

const FRAGMENT_LIMIT = 64;
const SILENCE_NS = 5e9;
const TIMESTAMP_LENGTH = 8;
const PERCENTILES = [50, 90, 99, 99.9];

const count = (value: number, help: string) =>
  ({ type: 'integer', value: 'messages', default: value, min: 0, max: 1e12, help }) as const;

export const ping: Command = defineCommand({
  usage: 'ping [options]',
  about: `Sends a message, waits for "aeron-bypass pong" to send it back, and again; then shows how long round trips
took. Keeps one core busy.`,
  options: {
    messages: { ...count(100_000, 'round trips to measure'), short: 'n', min: 1 },
    'warm-up': count(10_000, 'round trips before that'),
    length: {
      type: 'integer',
      short: 'L',
      value: 'bytes',
      default: 32,
      min: TIMESTAMP_LENGTH,
      max: 65_000,
      help: 'message length',
    },
    ...PING_OPTIONS,
    dir: DIR,
    embedded: EMBEDDED,
    json: JSON_OUTPUT,
  },
  examples: ['aeron-bypass ping --embedded', 'aeron-bypass ping --messages 1000000 --length 256 --json'],
  takesWords: false,
  run: async (values) => {
    const station = await Station.open(values);
    try {
      const pongs = await station.aeron.addSubscription(values['pong-channel'], values['pong-stream']);
      const pings = await station.aeron.addExclusivePublication(
        values['ping-channel'],
        values['ping-stream'],
      );
      if (values.length > pings.maxPayloadLength) {
        throw new AeronError(
          'MESSAGE_TOO_LONG',
          `--length ${values.length} is more than the ${pings.maxPayloadLength} bytes of a fragment on ${pings}.`,
        );
      }
      if (process.stderr.isTTY)
        process.stderr.write(`pinging on ${pings}; waiting for a pong on ${pongs} …\n`);
      await station.run(() => (pings.isConnected && pongs.isConnected ? DONE : 0));
      const pinger = new Pinger(pings, pongs, values.length);
      if (values['warm-up'] > 0) await pinger.run(station, values['warm-up']);
      if (!station.wasStopped) await pinger.run(station, values.messages);
      if (pinger.histogram.count === 0) return 1;
      if (values.json) process.stdout.write(`${JSON.stringify(resultOf(pinger.histogram, values.length))}\n`);
      else process.stdout.write(tableOf(pinger.histogram, values.length));
      return 0;
    } finally {
      await station.close();
    }
  },
});

/** One message under way at a time. */
class Pinger {
  histogram: RecordableHistogram = createHistogram();
  private readonly pings: ExclusivePublication;
  private readonly pongs: Subscription;
  private readonly length: number;
  private readonly clock: SystemClock = new SystemClock();
  private readonly claim: BufferClaim = new BufferClaim();

  constructor(pings: ExclusivePublication, pongs: Subscription, length: number) {
    this.pings = pings;
    this.pongs = pongs;
    this.length = length;
  }

  /** Rejects when pongs fail to come. */
  async run(station: Station, messages: number): Promise<void> {
    this.histogram = createHistogram();
    this.clock.update();
    let lastNs = this.clock.nanoTime;
    let sent = 0;
    let received = 0;
    const onPong = (buffer: Buffer, offset: number): void => {
      this.clock.update();
      lastNs = this.clock.nanoTime;
      received++;
      this.histogram.record(Math.max(1, Math.round(lastNs - buffer.readDoubleLE(offset))));
    };
    await station.run(() => {
      const fragments = this.pongs.poll(onPong, FRAGMENT_LIMIT);
      if (received === sent) {
        if (sent === messages) return DONE;
        if (this.send()) sent++;
      }
      this.clock.update();
      if (this.clock.nanoTime - lastNs > SILENCE_NS) {
        throw new AeronError(
          'NO_PONG',
          `no pong for ${formatNs(SILENCE_NS)} after ${received} round trips. Is "aeron-bypass pong" running?`,
        );
      }
      return fragments;
    }, new NoOpIdleStrategy());
  }

  private send(): boolean {
    if (this.pings.tryClaim(this.length, this.claim) < 0) return false;
    this.clock.update();
    this.claim.buffer.writeDoubleLE(this.clock.nanoTime, this.claim.offset);
    this.claim.commit();
    return true;
  }
}

function resultOf(histogram: RecordableHistogram, messageLength: number): Record<string, unknown> {
  const percentiles = PERCENTILES.map((percentile) => [
    `p${String(percentile).replace('.', '')}`,
    histogram.percentile(percentile),
  ]);
  return {
    messages: histogram.count,
    messageLength,
    roundTripNs: {
      min: histogram.min,
      mean: Math.round(histogram.mean),
      ...Object.fromEntries(percentiles),
      max: histogram.max,
    },
  };
}

function tableOf(histogram: RecordableHistogram, messageLength: number): string {
  const rows: [string, number][] = [
    ['min', histogram.min],
    ...PERCENTILES.map((percentile): [string, number] => [
      `p${percentile}`,
      histogram.percentile(percentile),
    ]),
    ['max', histogram.max],
    ['mean', histogram.mean],
  ];
  const lines = rows.map(([name, ns]) => `  ${name.padEnd(6)}${formatNs(ns).padStart(10)}\n`);
  return `${formatCount(histogram.count)} round trips of ${messageLength} bytes\n${lines.join('')}`;
}

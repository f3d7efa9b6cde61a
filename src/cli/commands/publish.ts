import type { ExclusivePublication } from '../../client/exclusive-publication.ts';
import { ADMIN_ACTION, BACK_PRESSURED, NOT_CONNECTED, offerResultName } from '../../client/offer-result.ts';
import { YieldingIdleStrategy } from '../../concurrent/idle-strategy.ts';
import { AeronError } from '../../util/errors.ts';
import { type Command, defineCommand, UsageError } from '../command.ts';
import { FileSender } from '../file-sender.ts';
import { formatBytes } from '../format.ts';
import { LineSource } from '../line-source.ts';
import { CHANNEL, DIR, EMBEDDED, JSON_OUTPUT, STREAM } from '../options.ts';
import { Progress } from '../progress.ts';
import { DONE, Station } from '../station.ts';

const MESSAGES_PER_CYCLE = 256;

export const publish: Command = defineCommand({
  usage: 'publish [options] [message …]',
  about: `Sends each line of standard input as a message; or each word given; or a whole file, which
"aeron-bypass subscribe --out" keeps. Waits for a subscriber first.`,
  options: {
    channel: CHANNEL,
    stream: STREAM,
    file: { type: 'text', short: 'f', value: 'path', help: 'send this file' },
    dir: DIR,
    embedded: EMBEDDED,
    json: { ...JSON_OUTPUT, help: 'print what was sent as JSON' },
  },
  examples: [
    'aeron-bypass publish hello world',
    'seq 1 1000000 | aeron-bypass publish',
    'aeron-bypass publish --file big.iso --channel aeron:udp?endpoint=10.0.0.2:20121',
  ],
  takesWords: true,
  run: async (values, words) => {
    if (values.file !== null && words.length > 0) throw new UsageError('give --file or messages, not both');
    const station = await Station.open(values);
    try {
      const publication = await station.aeron.addExclusivePublication(values.channel, values.stream);
      say(`publishing on ${publication}; waiting for a subscriber …`);
      await station.run(() => (publication.isConnected ? DONE : 0));
      if (station.wasStopped) return 1;
      const report =
        values.file === null
          ? await sendMessages(station, publication, words)
          : await sendFile(station, publication, values.file);
      if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
      return station.wasStopped ? 1 : 0;
    } finally {
      await station.close();
    }
  },
});

/** For people who watch; scripts get no noise. */
function say(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${line}\n`);
}

interface SentMessages {
  readonly messages: number;
  readonly bytes: number;
}

async function sendMessages(
  station: Station,
  publication: ExclusivePublication,
  words: string[],
): Promise<SentMessages> {
  const lines = words.length > 0 ? null : new LineSource(process.stdin);
  const given = words.map((word) => Buffer.from(word));
  let messages = 0;
  let bytes = 0;
  const next = (): Buffer | null => (lines === null ? (given[messages] ?? null) : lines.peek());
  const isAtEnd = (): boolean => (lines === null ? messages === given.length : lines.isExhausted);

  await station.run(() => {
    let sent = 0;
    while (sent < MESSAGES_PER_CYCLE) {
      const message = next();
      if (message === null) return isAtEnd() ? DONE : sent;
      if (!offer(publication, message)) return sent;
      lines?.take();
      messages++;
      bytes += message.length;
      sent++;
    }
    return sent;
  });
  lines?.close();
  return { messages, bytes };
}

/** Returns false when the message has to wait: for room, or for a subscriber that went away. */
function offer(publication: ExclusivePublication, message: Buffer): boolean {
  if (message.length > publication.maxMessageLength) {
    throw new AeronError(
      'MESSAGE_TOO_LONG',
      `a message of ${message.length} bytes is longer than the ${publication.maxMessageLength} that ${publication} ` +
        'carries. Send it as a file, or use a channel with a larger term-length.',
    );
  }
  const result = publication.offer(message);
  if (result >= 0) return true;
  if (result === BACK_PRESSURED || result === ADMIN_ACTION || result === NOT_CONNECTED) return false;
  throw new AeronError(
    'PUBLICATION_ENDED',
    `${publication} takes no more messages: ${offerResultName(result)}`,
  );
}

interface SentFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly seconds: number;
}

async function sendFile(
  station: Station,
  publication: ExclusivePublication,
  file: string,
): Promise<SentFile> {
  const sender = new FileSender(file, publication);
  const progress = new Progress(sender.totalBytes);
  try {
    const cycle = (): number => {
      const workCount = sender.doWork();
      progress.update(sender.sentBytes);
      return workCount;
    };
    await station.run(cycle, new YieldingIdleStrategy());
  } finally {
    progress.end();
    sender.close();
  }
  const seconds = progress.elapsedSeconds;
  say(`sent ${file}: ${formatBytes(sender.sentBytes)}, ${formatBytes(sender.sentBytes / seconds)}/s`);
  return { file, bytes: sender.sentBytes, sha256: sender.sha256, seconds };
}

import { isUtf8 } from 'node:buffer';
import { FragmentAssembler } from '../../client/fragment-assembler.ts';
import type { Header } from '../../client/header.ts';
import type { Subscription } from '../../client/subscription.ts';
import { YieldingIdleStrategy } from '../../concurrent/idle-strategy.ts';
import { AeronError } from '../../util/errors.ts';
import { type Command, defineCommand } from '../command.ts';
import { FileReceiver } from '../file-receiver.ts';
import { formatBytes } from '../format.ts';
import { CHANNEL, DIR, EMBEDDED, JSON_OUTPUT, STREAM } from '../options.ts';
import { Progress } from '../progress.ts';
import { DONE, Station } from '../station.ts';

const FRAGMENT_LIMIT = 256;
const NEWLINE: Buffer = Buffer.from('\n');

export const subscribe: Command = defineCommand({
  usage: 'subscribe [options]',
  about: `Prints each message as a line, until Ctrl-C; or keeps the file that "aeron-bypass publish --file" sends,
checks its length and its SHA-256, and ends.`,
  options: {
    channel: CHANNEL,
    stream: STREAM,
    out: { type: 'text', short: 'o', value: 'path', help: 'keep one file under this name' },
    count: {
      type: 'integer',
      short: 'n',
      value: 'messages',
      default: 0,
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      help: 'end after so many messages; 0: never',
    },
    once: { type: 'flag', help: 'end when the publisher has ended' },
    dir: DIR,
    embedded: EMBEDDED,
    json: { ...JSON_OUTPUT, help: 'print a JSON object for each message, or for the file' },
  },
  examples: [
    'aeron-bypass subscribe --embedded',
    'aeron-bypass subscribe --once > lines.txt',
    'aeron-bypass subscribe --out copy.iso --channel aeron:udp?endpoint=10.0.0.2:20121',
  ],
  takesWords: false,
  run: async (values) => {
    const station = await Station.open(values);
    try {
      const subscription = await station.aeron.addSubscription(values.channel, values.stream);
      if (process.stderr.isTTY) process.stderr.write(`listening to ${subscription}; Ctrl-C ends\n`);
      if (values.out !== null) return await keepFile(station, subscription, values.out, values.json);
      await printMessages(station, subscription, values);
      return 0;
    } finally {
      await station.close();
    }
  },
});

interface PrintOptions {
  readonly count: number;
  readonly once: boolean;
  readonly json: boolean;
}

async function printMessages(
  station: Station,
  subscription: Subscription,
  { count, once, json }: PrintOptions,
): Promise<void> {
  const limit = count === 0 ? Number.POSITIVE_INFINITY : count;
  let pending: Buffer[] = [];
  let messages = 0;
  let isBlocked = false;
  let hadPublisher = false;
  const assembler = new FragmentAssembler((buffer, offset, length, header) => {
    if (messages === limit) return;
    messages++;
    const message = Buffer.allocUnsafe(length);
    buffer.copy(message, 0, offset, offset + length);
    pending.push(json ? jsonOf(message, header) : message, NEWLINE);
  });

  await station.run(() => {
    // While our reader is behind nothing is read, so that the publisher is held back instead of our memory growing.
    if (isBlocked) return 0;
    const fragments = subscription.poll(assembler.handler, Math.min(FRAGMENT_LIMIT, limit - messages));
    if (pending.length > 0 && !process.stdout.write(Buffer.concat(pending))) {
      isBlocked = true;
      process.stdout.once('drain', () => {
        isBlocked = false;
      });
    }
    pending = [];
    if (messages === limit) return DONE;
    if (subscription.isConnected) hadPublisher = true;
    return once && hadPublisher && isEnded(subscription) ? DONE : fragments;
  });
}

/** Whether all that publishers sent was read, and they have closed. */
function isEnded(subscription: Subscription): boolean {
  return subscription.images.every((image) => image.isEndOfStream);
}

function jsonOf(message: Buffer, header: Header): Buffer {
  const payload = isUtf8(message) ? { text: message.toString() } : { base64: message.toString('base64') };
  const { sessionId, streamId, position } = header;
  return Buffer.from(JSON.stringify({ sessionId, streamId, position, length: message.length, ...payload }));
}

async function keepFile(
  station: Station,
  subscription: Subscription,
  path: string,
  json: boolean,
): Promise<number> {
  const receiver = new FileReceiver(path);
  let seconds = 0;
  try {
    await station.run(() => {
      const fragments = subscription.poll(receiver.onMessage, 1);
      return receiver.sessionId === null ? fragments : DONE;
    });
    if (receiver.sessionId !== null) seconds = await receive(station, subscription, receiver);
  } finally {
    receiver.close();
  }
  if (!receiver.isDone) return 1;
  const { receivedBytes: bytes, sha256 } = receiver;
  if (json) process.stdout.write(`${JSON.stringify({ file: path, bytes, sha256, seconds })}\n`);
  else process.stdout.write(`${path}: ${formatBytes(bytes)} (${bytes} bytes), SHA-256 ${sha256} as sent\n`);
  return 0;
}

/** Reads up to the end of a file that has begun. Resolves to the seconds it took. */
async function receive(
  station: Station,
  subscription: Subscription,
  receiver: FileReceiver,
): Promise<number> {
  const progress = new Progress(receiver.totalBytes);
  const cycle = (): number => {
    const fragments = subscription.poll(receiver.onMessage, FRAGMENT_LIMIT);
    if (receiver.isDone) return DONE;
    progress.update(receiver.receivedBytes);
    if (fragments === 0 && isGone(subscription, receiver.sessionId!)) {
      throw new AeronError(
        'TRANSFER_BROKEN',
        `the publisher went away after ${receiver.receivedBytes} of ${receiver.totalBytes} bytes. ` +
          'Subscribe and publish again.',
      );
    }
    return fragments;
  };
  try {
    await station.run(cycle, new YieldingIdleStrategy());
  } finally {
    progress.end();
  }
  return progress.elapsedSeconds;
}

function isGone(subscription: Subscription, sessionId: number): boolean {
  const image = subscription.imageBySessionId(sessionId);
  return image === undefined || image.isClosed || image.isEndOfStream;
}

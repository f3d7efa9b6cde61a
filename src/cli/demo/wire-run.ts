/** Measures one wire: two side processes, round trips first, then a one-way stream. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CountResult, Percentile, PingResult, SideConfig } from './side-messages.ts';
import { SideProcess } from './side-process.ts';

export interface WirePlan {
  readonly name: WireName;
  /** What carries the packets, for people: a DPDK driver's name or a network interface. */
  readonly device: string;
  /** What one side needs; `folder` is empty, the run's own, and removed afterwards. */
  readonly sideConfig: (side: 0 | 1, folder: string) => SideConfig;
}

export type WireName = 'dpdk' | 'kernel' | 'ipc';

export interface RunLengths {
  readonly warmUpMs: number;
  readonly roundTripMs: number;
  readonly throughputMs: number;
  readonly messageLength: number;
}

/** The public result of one wire; see `docs/reference/demo.md`. */
export interface WireResult {
  readonly name: WireName;
  readonly device: string;
  readonly messageLength: number;
  readonly messages: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly corrupted: number;
  readonly roundTripNs: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  readonly roundTripPercentiles: readonly Percentile[];
  readonly throughput: {
    readonly messagesPerSecond: number;
    readonly bitsPerSecond: number;
    readonly packetsPerSecond: number;
  };
  readonly residentBytes: { readonly publisher: number; readonly subscriber: number };
}

const SIDE_START_MS = 15_000;
const SLACK_MS = 20_000;

/** Where log buffers should live: memory, when the machine has such a file system. */
function memoryFolder(): string {
  return process.platform === 'linux' ? '/dev/shm' : tmpdir();
}

/** Measures one wire once. `onPhase` tells people where it is. */
export function runWire(
  plan: WirePlan,
  lengths: RunLengths,
  onPhase: (phase: string) => void,
): Promise<WireResult> {
  return withSides(plan, onPhase, async (sides) => {
    onPhase('warming up');
    await ping(sides, lengths.warmUpMs, lengths.messageLength);
    onPhase('measuring round trips');
    const pinged = await ping(sides, lengths.roundTripMs, lengths.messageLength);

    onPhase('warming up the stream');
    await stream(sides, lengths.warmUpMs, lengths.messageLength);
    sides[1].onProgress = (messages) => onPhase(`streaming: ${messages.toLocaleString('en')} messages`);
    const streamed = await stream(sides, lengths.throughputMs, lengths.messageLength);
    return resultOf(plan, lengths.messageLength, pinged, streamed);
  });
}

/** Memory of the two processes after a part of a long stream. */
export interface MemorySample {
  readonly messages: number;
  readonly publisherBytes: number;
  readonly subscriberBytes: number;
}

/** Streams in parts of `partMs` until `messages` were sent; returns a sample a part and the imperfections found. */
export function soakWire(
  plan: WirePlan,
  messages: number,
  messageLength: number,
  partMs: number,
  onPhase: (phase: string) => void,
): Promise<{ samples: MemorySample[]; imperfections: number }> {
  return withSides(plan, onPhase, async (sides) => {
    const samples: MemorySample[] = [];
    let sent = 0;
    let imperfections = 0;
    while (sent < messages) {
      const part = await stream(sides, partMs, messageLength);
      const { lost, duplicated, reordered, corrupted } = part.counted;
      sent += part.sent;
      imperfections += lost + duplicated + reordered + corrupted;
      samples.push({
        messages: sent,
        publisherBytes: part.publisherBytes,
        subscriberBytes: part.subscriberBytes,
      });
      onPhase(`${sent.toLocaleString('en')} messages`);
    }
    return { samples, imperfections };
  });
}

type Sides = readonly [SideProcess, SideProcess];

/** Starts both sides, runs `body`, and takes everything down again, whatever happens. */
async function withSides<T>(
  plan: WirePlan,
  onPhase: (phase: string) => void,
  body: (sides: Sides) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(memoryFolder(), 'aeron-bypass-demo-'));
  const sides: Sides = [new SideProcess('a'), new SideProcess('b')];
  try {
    onPhase('starting the drivers');
    for (const side of [0, 1] as const) sides[side].start(plan.sideConfig(side, folder));
    await Promise.all(sides.map((side) => side.expect('ready', SIDE_START_MS)));
    return await body(sides);
  } finally {
    await Promise.all(sides.map((side) => side.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ping([a, b]: Sides, durationMs: number, messageLength: number): Promise<PingResult> {
  b.send({ kind: 'echo' });
  await b.expect('started', SLACK_MS);
  a.send({ kind: 'ping', durationMs, messageLength });
  const { result } = await a.expect('pinged', durationMs + SLACK_MS);
  b.send({ kind: 'stop' });
  await b.expect('echoed', SLACK_MS);
  return result;
}

interface Streamed {
  readonly sent: number;
  readonly datagrams: number;
  readonly counted: CountResult;
  readonly publisherBytes: number;
  readonly subscriberBytes: number;
}

async function stream([a, b]: Sides, durationMs: number, messageLength: number): Promise<Streamed> {
  b.send({ kind: 'count' });
  await b.expect('started', SLACK_MS);
  a.send({ kind: 'publish', durationMs, messageLength });
  const published = await a.expect('published', durationMs + SLACK_MS);
  b.send({ kind: 'expect', messages: published.messages });
  const counted = await b.expect('counted', SLACK_MS);
  a.send({ kind: 'stop' });
  return {
    sent: published.messages,
    datagrams: published.datagrams,
    counted: counted.result,
    publisherBytes: published.residentBytes,
    subscriberBytes: counted.residentBytes,
  };
}

function resultOf(plan: WirePlan, messageLength: number, pinged: PingResult, streamed: Streamed): WireResult {
  const { counted } = streamed;
  const seconds = counted.elapsedNs / 1e9;
  const messagesPerSecond = seconds > 0 ? counted.received / seconds : 0;
  const at = (percentile: number): number =>
    pinged.percentiles.find((point) => point.percentile === percentile)?.ns ?? 0;
  const perMessage = streamed.sent > 0 ? 1 / streamed.sent : 0;
  return {
    name: plan.name,
    device: plan.device,
    messageLength,
    messages: pinged.roundTrips + counted.received,
    lost: pinged.lost + counted.lost,
    duplicated: pinged.duplicated + counted.duplicated,
    reordered: pinged.reordered + counted.reordered,
    corrupted: pinged.corrupted + counted.corrupted,
    roundTripNs: { p50: at(50), p99: at(99), p999: at(99.9), max: at(100) },
    roundTripPercentiles: pinged.percentiles,
    throughput: {
      messagesPerSecond: Math.round(messagesPerSecond),
      bitsPerSecond: Math.round(messagesPerSecond * messageLength * 8),
      packetsPerSecond: Math.round(messagesPerSecond * streamed.datagrams * perMessage),
    },
    residentBytes: { publisher: streamed.publisherBytes, subscriber: streamed.subscriberBytes },
  };
}

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TestProcess } from '../support/processes.ts';
import type { DriverProcess, Party } from './drivers.ts';
import { javaArguments } from './java.ts';
import { type RustProgram, rustProgram } from './rust.ts';

/** Whose client: the official Java library's, this project's, or one of the programs in Rust. */
export type ClientParty = Party | RustProgram;

/** A client program and the driver it runs on. */
export interface Peer {
  readonly party: ClientParty;
  readonly driver: DriverProcess;
  readonly channel: string;
}

export interface PublisherPeer extends Peer {
  readonly isExclusive?: boolean;
  /** Channels that are added to the publication's. */
  readonly destinations?: readonly string[];
}

export interface ExchangeOptions {
  readonly publishers: readonly PublisherPeer[];
  /** One, or several that all get everything. */
  readonly subscriber: Peer | readonly Peer[];
  /** Messages of each publisher. */
  readonly count: number;
  readonly maxLength?: number;
}

const STREAM_ID = 1001;
const CLIENT_DEADLINE_MS = 200_000;

/**
 * Runs a subscriber and its publishers to the end, each in a process of its own, and fails unless every message came
 * once, in its producer's order, with the bytes that were sent.
 */
export async function exchange(t: TestContext, options: ExchangeOptions): Promise<void> {
  const { publishers, count } = options;
  const maxLength = options.maxLength ?? 8192;
  const seed = 0x5eed0000 + count;
  const shared = { stream: STREAM_ID, count, seed, maxLength };

  // Publishers wait for a subscriber, so they all begin at once when it comes last.
  const producing = publishers.map((publisher, producer) =>
    startClient(t, 'Publisher', publisher, {
      ...shared,
      producer,
      exclusive: publisher.isExclusive ?? false,
      destinations: (publisher.destinations ?? []).join(';'),
    }),
  );
  await Promise.all(producing.map((client) => client.waitForLine('READY')));
  const consuming = [options.subscriber]
    .flat()
    .map((peer) => startClient(t, 'Subscriber', peer, { ...shared, producers: publishers.length }));
  await Promise.all([...producing, ...consuming].map((client) => client.success()));

  for (const subscriber of consuming) {
    const { bytes: _, ...summary } = resultOf(subscriber);
    assert.deepEqual(summary, {
      role: 'subscriber',
      received: count * publishers.length,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      corrupted: 0,
      trouble: '',
    });
  }
}

/** Starts one of the client programs. It ends with the test. */
export function startClient(
  t: TestContext,
  role: 'Publisher' | 'Subscriber',
  peer: Peer,
  settings: Readonly<Record<string, string | number | boolean>>,
): TestProcess {
  const all = { dir: peer.driver.directory, channel: peer.channel, ...settings };
  const words = Object.entries(all).map(([name, value]) => `${name}=${value}`);
  const name = `${peer.party} ${role.toLowerCase()}`;
  const [command, args] = clientCommand(role, peer.party, words);
  return TestProcess.start(t, name, command, args, { deadlineMs: CLIENT_DEADLINE_MS });
}

function clientCommand(
  role: 'Publisher' | 'Subscriber',
  party: ClientParty,
  words: readonly string[],
): [command: string, args: string[]] {
  switch (party) {
    case 'official':
      return ['java', javaArguments(`Checked${role}`, {}, words)];
    case 'ours':
      return [process.execPath, [programPath(`checked-${role.toLowerCase()}.js`), ...words]];
    default:
      return [rustProgram(party), [`role=${role.toLowerCase()}`, ...words]];
  }
}

function programPath(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** The last line a client program prints is its result. */
function resultOf(client: TestProcess): Record<string, unknown> {
  const line = client.output.split('\n').findLast((text) => text.startsWith('{'));
  return JSON.parse(line ?? '{}');
}

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Aeron } from '../../src/client/aeron.ts';
import type { ExclusivePublication } from '../../src/client/exclusive-publication.ts';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import { CheckedMessageVerifier, CheckedMessageWriter } from '../support/checked-message.ts';
import { InvokedStation } from '../support/invoked-station.ts';
import { RawClient } from '../support/raw-client.ts';

const STREAM_ID = 1001;
const MDS = 'aeron:udp?control-mode=manual';
const PORTS = [24511, 24512] as const;
const STREAM = { seed: 0x5eed, maxLength: 3000 };
const DEADLINE_MS = 60_000;

let station: InvokedStation;
let aeron: Aeron;
let raw: RawClient;

afterEach(async () => {
  raw.close();
  await station.close();
});

async function launch(options: Partial<DriverOptions> = {}): Promise<void> {
  station = await InvokedStation.open(
    {
      // The machine may be busy with something else for long.
      clientLivenessTimeoutNs: 60e9,
      publicationUnblockTimeoutNs: 90e9,
      ...options,
    },
    { useConductorInvoker: true },
  );
  aeron = station.aeron;
  raw = new RawClient(station.driver.directory);
}

function runUntil(isSo: () => boolean, what: string): void {
  station.runUntil(isSo, what, DEADLINE_MS);
}

function changeDestination(
  type: 'addReceiveDestination' | 'removeReceiveDestination',
  { registrationId }: Subscription,
  channel: string,
): void {
  const correlationId = raw.send({ type, registrationId, channel });
  runUntil(() => raw.isDone(correlationId), 'the answer');
}

const endpoint = (port: number): string => `aeron:udp?endpoint=127.0.0.1:${port}`;

/** Publishes the same messages as its twins, from the same position of the same session. */
class Twin {
  sent = 0;
  readonly publication: ExclusivePublication;
  private readonly writer = new CheckedMessageWriter(STREAM, 0);
  private readonly buffer = Buffer.alloc(STREAM.maxLength);
  private readonly view = new DataView(this.buffer.buffer, this.buffer.byteOffset, this.buffer.length);

  constructor(publication: ExclusivePublication) {
    this.publication = publication;
  }

  static async add(port: number): Promise<Twin> {
    const stream = 'session-id=77|term-length=64k|init-term-id=5|term-id=5|term-offset=0';
    return new Twin(await aeron.addExclusivePublication(`${endpoint(port)}|${stream}`, STREAM_ID));
  }

  offer(limit: number): void {
    if (this.sent >= limit) return;
    const length = this.writer.write(this.view, 0, this.sent);
    if (this.publication.offer(this.buffer, 0, length) > 0) this.sent++;
  }
}

class Reader {
  readonly verifier: CheckedMessageVerifier;
  private readonly subscription: Subscription;
  private readonly assembler: FragmentAssembler;

  constructor(subscription: Subscription, count: number) {
    this.subscription = subscription;
    this.verifier = new CheckedMessageVerifier(STREAM, 1, count);
    this.assembler = new FragmentAssembler((buffer, offset, length) => {
      const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      this.verifier.onMessage(view, offset, length);
    });
  }

  poll(): void {
    this.subscription.poll(this.assembler.handler, 20);
  }

  check(count: number): void {
    this.verifier.finish();
    const whole = { received: count, lost: 0, duplicated: 0, reordered: 0, corrupted: 0 };
    assert.deepEqual(this.verifier.summary(), whole);
  }
}

test('should merge two lossy paths into one image', async () => {
  await launch({ receiveLossRate: 0.05 });
  const subscription = await aeron.addSubscription(MDS, STREAM_ID);
  for (const port of PORTS) changeDestination('addReceiveDestination', subscription, endpoint(port));
  const twins = await Promise.all(PORTS.map((port) => Twin.add(port)));
  runUntil(() => twins.every(({ publication }) => publication.isConnected), 'the connections');

  const count = 3000;
  const reader = new Reader(subscription, count);
  let images = 0;
  let transports = 0;
  runUntil(() => {
    for (const twin of twins) twin.offer(count);
    reader.poll();
    images = Math.max(images, subscription.images.length);
    transports = Math.max(transports, subscription.images[0]?.activeTransportCount ?? 0);
    return reader.verifier.isComplete;
  }, 'the last message');
  reader.check(count);
  assert.equal(images, 1);
  assert.equal(transports, 2);
});

test('should go on with one path when the other is removed', async () => {
  await launch();
  const subscription = await aeron.addSubscription(MDS, STREAM_ID);
  for (const port of PORTS) changeDestination('addReceiveDestination', subscription, endpoint(port));
  const [first, second] = [await Twin.add(PORTS[0]), await Twin.add(PORTS[1])];
  runUntil(() => first.publication.isConnected && second.publication.isConnected, 'the connections');

  const count = 2000;
  const reader = new Reader(subscription, count);
  runUntil(() => {
    for (const twin of [first, second]) twin.offer(count / 2);
    reader.poll();
    return second.sent === count / 2;
  }, 'the first half');
  const [image] = subscription.images;
  changeDestination('removeReceiveDestination', subscription, endpoint(PORTS[0]));
  runUntil(() => {
    second.offer(count);
    reader.poll();
    return reader.verifier.isComplete;
  }, 'the second half');
  reader.check(count);
  assert.equal(subscription.images[0], image, 'the same image');
  assert.equal(image!.activeTransportCount, 1);
  const ports = [...PORTS].map((port) => `127.0.0.1:${port}`);
  assert.equal(boundAddresses(ports[0]!), 0);
  assert.equal(boundAddresses(ports[1]!), 1);
});

test('should receive from the network and from this machine at once', async () => {
  await launch();
  const subscription = await aeron.addSubscription(MDS, STREAM_ID);
  changeDestination('addReceiveDestination', subscription, endpoint(PORTS[0]));
  changeDestination('addReceiveDestination', subscription, 'aeron:ipc');
  const publications = [
    await aeron.addPublication(endpoint(PORTS[0]), STREAM_ID),
    await aeron.addPublication('aeron:ipc', STREAM_ID),
  ];
  runUntil(() => publications.every(({ isConnected }) => isConnected), 'the connections');
  const texts: string[] = [];
  const handler = (buffer: Buffer, offset: number, length: number): void => {
    texts.push(buffer.toString('latin1', offset, offset + length));
  };
  for (const [i, publication] of publications.entries()) {
    runUntil(() => publication.offer(Buffer.from(`message ${i}`)) > 0, 'room for a message');
  }
  runUntil(() => {
    subscription.poll(handler, 10);
    return texts.length === 2;
  }, 'both messages');
  assert.deepEqual(texts.sort(), ['message 0', 'message 1']);
  changeDestination('removeReceiveDestination', subscription, 'aeron:ipc');
  runUntil(() => subscription.images.length === 1, 'the end of the IPC image');
});

/** Counters of the address a destination is bound to. */
function boundAddresses(address: string): number {
  let count = 0;
  aeron.countersReader.forEach(({ label }) => {
    if (label.startsWith('rcv-local-sockaddr') && label.endsWith(` ${address}`)) count++;
  });
  return count;
}

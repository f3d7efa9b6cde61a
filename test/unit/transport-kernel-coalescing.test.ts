import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, test } from 'node:test';
import { Region } from '../../src/memory/region.ts';
import { type KernelTransport, openKernelTransport } from '../../src/transport/kernel/kernel-transport.ts';
import { DatagramBurst, type EndpointOptions } from '../../src/transport/transport.ts';
import { DatagramStream, type Run } from '../support/datagram-stream.ts';

const LOOPBACK = 0x7f000001;

let transport: KernelTransport;
beforeEach(() => {
  transport = openKernelTransport();
});
afterEach(() => {
  transport.close();
});

function run(count: number, length: number, hasGaps = false): Run {
  return { count, length, hasGaps };
}

function open(coalesceDatagrams: boolean): KernelTransport {
  return openKernelTransport({ connectSendSockets: true, coalesceDatagrams });
}

for (const [what, runs, messages] of [
  ['datagrams of one length', [run(10, 1408)], 1],
  ['datagrams of one length that are apart in memory', [run(64, 100, true)], 1],
  ['a shorter datagram after those of one length', [run(10, 1408), run(1, 32)], 1],
  ['one byte each', [run(64, 1)], 1],
  ['shorter datagrams after those of one length', [run(10, 1408), run(5, 32)], 2],
  ['longer datagrams after those of one length', [run(10, 32), run(5, 1408)], 2],
  ['more than 64 KiB', [run(64, 1408)], 2],
  ['a datagram of its own length', [run(1, 1408)], 0],
  ['datagrams that get longer and longer', [run(1, 10), run(1, 20), run(1, 30), run(1, 40)], 0],
  ['two that do not fit into one message', [run(2, 32_745)], 0],
  ['two that just do', [run(1, 32_735), run(1, 32_734)], 1],
  ['empty datagrams', [run(5, 0)], 0],
  ['empty datagrams among others', [run(5, 100), run(1, 0), run(5, 100)], 2],
] as const) {
  test(`${what} take ${messages} coalesced messages, and count as datagrams`, () => {
    const stream = new DatagramStream(transport, transport);
    stream.send(runs);
    stream.drain();
    const { statistics } = transport;
    const bytes = runs.reduce((sum, { count, length }) => sum + count * length, 0);
    assert.equal(statistics.coalescedSends, messages);
    assert.equal(statistics.coalescedReceives, messages);
    assert.equal(statistics.datagramsSent, stream.sent);
    assert.equal(statistics.datagramsReceived, stream.sent);
    assert.equal(statistics.bytesSent, bytes);
    assert.equal(statistics.bytesReceived, bytes);
    assert.equal(statistics.shortSends, 0);
    assert.equal(statistics.coalescingRefusals, 0);
    stream.close();
  });
}

test('switched off, nothing is coalesced: neither what is sent nor what others send', () => {
  const alone = open(false);
  assert.equal(alone.coalescedLengthMax, 0);
  for (const [sender, receiver] of [
    [alone, transport],
    [transport, alone],
  ] as const) {
    const stream = new DatagramStream(sender, receiver);
    stream.send([run(64, 1000)]);
    stream.drain();
    stream.close();
  }
  assert.equal(alone.statistics.coalescedSends, 0);
  assert.equal(alone.statistics.coalescedReceives, 0);
  assert.equal(transport.statistics.coalescedSends, 1);
  assert.equal(transport.statistics.coalescedReceives, 0);
  alone.close();
});

test('what a poll has no room for comes with the next, its bytes unharmed by what arrives in between', () => {
  const stream = new DatagramStream(transport, transport);
  for (let i = 0; i < 20; i++) {
    // A poll that found single datagrams leads to one that takes as many messages as it has slots.
    stream.send([run(1, 50)]);
    stream.drain();
    for (let j = 0; j < 4; j++) stream.send([run(60, 200), run(4, 30)]);
    stream.poll();
    assert.ok(stream.sent - stream.received >= 128);
    for (let j = 0; j < 4; j++) stream.send([run(60, 200), run(4, 30)]);
    stream.poll();
  }
  stream.drain();
  assert.ok(stream.largestPoll <= 64);
});

test('an endpoint closed while datagrams wait for the next poll gets none, nor does one in its place', () => {
  const heard: string[] = [];
  const options = (remotePort = 0): EndpointOptions => ({
    localAddress: LOOPBACK,
    localPort: 0,
    remoteAddress: remotePort === 0 ? 0 : LOOPBACK,
    remotePort,
    receiveBufferLength: 1024 * 1024,
    sendBufferLength: 0,
  });
  const handler = (name: string) => ({
    onDatagram: (_region: Region, _offset: number, _length: number) => {
      heard.push(name);
    },
  });
  const listener = { onBurstEnd() {} };
  const closed = transport.open(options(), handler('closed'));
  const sender = open(true);
  const from = sender.open(options(closed.localPort), handler('sender'));
  const memory = Region.allocate(64);
  const burst = new DatagramBurst();
  burst.add(memory.handle, 0, 10);
  sender.send(from, burst, 0, 0);
  assert.equal(transport.poll(listener), 1);
  for (let i = 1; i < 40; i++) burst.add(memory.handle, 0, 10);
  for (let i = 0; i < 3; i++) assert.equal(sender.send(from, burst, 0, 0), 40);
  assert.equal(transport.poll(listener), 64);
  closed.close();
  transport.open(options(), handler('successor'));
  assert.equal(transport.poll(listener), 0);
  assert.equal(heard.length, 65);
  assert.ok(heard.every((name) => name === 'closed'));
  sender.close();
  memory.close();
});

/** What test/support/coalescing-side.ts prints. */
interface Counted {
  readonly received: number;
  readonly datagramsSent: number;
  readonly shortSends: number;
  readonly sendErrors: number;
  readonly coalescedSends: number;
  readonly coalescingRefusals: number;
}

/** Streams in a network namespace of its own, whose loopback interface `setUp` makes. */
function streamInNamespace(setUp: string, bursts: Run[][], sendBufferLength: number): Counted {
  const side = new URL('../support/coalescing-side.js', import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [
      ...NAMESPACE,
      'sh',
      '-ec',
      `${setUp}; exec "$0" "$@"`,
      process.execPath,
      side,
      JSON.stringify({ bursts, sendBufferLength }),
    ],
    { encoding: 'utf8', timeout: 60_000 },
  );
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Counted;
}

const NAMESPACE = ['--user', '--map-root-user', '--net'];

function namespacesMissing(command: string): string | false {
  const { status, error } = spawnSync('unshare', [...NAMESPACE, 'sh', '-ec', command]);
  if (error === undefined && status === 0) return false;
  return `"unshare ${NAMESPACE.join(' ')} sh -c '${command}'" does not work here; install iproute2, allow user namespaces`;
}

const SHORT_MTU = 'ip link set lo up mtu 1400';
const SLOW = 'ip link set lo up mtu 16436; tc qdisc add dev lo root tbf rate 400mbit burst 70k limit 10m';

test('datagrams longer than the MTU go alone once the kernel has refused them together, the others as before', {
  skip: namespacesMissing(SHORT_MTU),
}, () => {
  const long = [run(20, 1408)];
  const short = [run(20, 1372)];
  const bursts = [short, long, long, [run(10, 1372), run(10, 1500), run(1, 100)], long, short];
  const counted = streamInNamespace(SHORT_MTU, bursts, 2 * 1024 * 1024);
  assert.equal(counted.received, 121);
  assert.equal(counted.datagramsSent, 121);
  assert.equal(counted.coalescedSends, 3);
  assert.equal(counted.coalescingRefusals, 1);
  assert.equal(counted.sendErrors, 0);
});

test('a kernel that takes only some of the messages gets the rest later, nothing lost or twice', {
  skip: namespacesMissing(SLOW),
}, () => {
  const bursts = Array.from({ length: 20 }, () => [
    run(20, 1408),
    run(20, 1000),
    run(20, 700, true),
    run(4, 32),
  ]);
  const counted = streamInNamespace(SLOW, bursts, 16 * 1024);
  assert.equal(counted.received, 20 * 64);
  assert.equal(counted.datagramsSent, 20 * 64);
  assert.ok(counted.shortSends > 0, 'the send buffer was full now and then');
  assert.equal(counted.sendErrors, 0);
  assert.equal(counted.coalescingRefusals, 0);
});

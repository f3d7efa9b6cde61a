/**
 * One side of a shared-memory wire, in a process of its own: sends numbered datagrams as fast as the wire takes them and
 * checks those of the other side. Prints `received <count>` at every 100,000 and, for the n-th time the link is up,
 * `link up #n`, `flow #n` when something has come over it, and `link down #n`. Ends with its statistics at SIGTERM.
 *
 *   node bypass-wire-side.js <a|b> <socket path> <hugepages: true|false>
 */
import { SystemClock } from '../../src/concurrent/clock.ts';
import { sharedMemoryWire } from '../../src/device/dpdk/shared-memory-wire.ts';
import { Region } from '../../src/memory/region.ts';
import { openBypassTransport } from '../../src/transport/bypass/open-bypass-transport.ts';
import { DatagramBurst } from '../../src/transport/transport.ts';
import { ADDRESS_A, ADDRESS_B } from './bypass-pair.ts';
import { endpointOptions, NO_LISTENER } from './datagrams.ts';

const PORT = 40123;
const SLOT_LENGTH = 1536;
const LENGTHS = [4, 64, 100, 1408, 1472];
const REPORT_INTERVAL = 100_000;
/** As many datagrams since the link came up are a flow. */
const FLOW_LENGTH = 20_000;
const CYCLES_PER_TURN = 200;

const role = process.argv[2] === 'a' ? 'a' : 'b';
const { ealArguments } = sharedMemoryWire({
  role,
  socketPath: process.argv[3]!,
  useHugepages: process.argv[4] === 'true',
});
const clock = new SystemClock();
const transport = openBypassTransport(
  {
    ealArguments,
    portId: 0,
    localAddress: role === 'a' ? ADDRESS_A : ADDRESS_B,
    prefixLength: 24,
    gatewayAddress: 0,
    mtu: 1500,
    rxQueueSize: 1024,
    txQueueSize: 1024,
  },
  clock,
);

let received = 0;
let lost = 0;
let corrupt = 0;
let expected = 0;
let linkUps = 0;
let receivedSinceLinkUp = 0;

/** Word `i` of datagram `sequence`; word 0 is the sequence itself. */
function wordOf(sequence: number, i: number): number {
  return (sequence + Math.imul(i, 0x9e3779b1)) | 0;
}

const handler = {
  onDatagram(region: Region, offset: number, length: number): void {
    const sequence = region.view.getInt32(offset, true);
    if (length !== LENGTHS[sequence % LENGTHS.length]) corrupt++;
    for (let i = 1; i < length >> 2; i++) {
      if (region.view.getInt32(offset + 4 * i, true) !== wordOf(sequence, i)) corrupt++;
    }
    // A side that was restarted counts from zero again.
    if (sequence > expected) lost += sequence - expected;
    expected = sequence + 1;
    if (++receivedSinceLinkUp === FLOW_LENGTH) console.log(`flow #${linkUps}`);
    if (++received % REPORT_INTERVAL === 0) console.log(`received ${received}`);
  },
};

const endpoint = transport.open(endpointOptions({ localPort: PORT }), handler);
const remote = role === 'a' ? ADDRESS_B : ADDRESS_A;
const slots = Region.allocate(DatagramBurst.CAPACITY * SLOT_LENGTH);
const burst = new DatagramBurst();
let nextSequence = 0;
let linkUp = false;
let running = true;
process.on('SIGTERM', () => {
  running = false;
});

function dutyCycle(): void {
  clock.update();
  transport.poll(NO_LISTENER);
  burst.clear();
  for (let i = 0; i < 16; i++) {
    const length = LENGTHS[(nextSequence + i) % LENGTHS.length]!;
    const word = (i * SLOT_LENGTH) >> 2;
    for (let k = 0; k < length >> 2; k++) slots.i32[word + k] = wordOf(nextSequence + i, k);
    burst.add(slots.handle, i * SLOT_LENGTH, length);
  }
  // Not before the other side is there: what it cannot receive yet would count as lost.
  if (linkUp) nextSequence += transport.send(endpoint, burst, remote, PORT);
  transport.flush();
  if (transport.isLinkUp !== linkUp) {
    linkUp = transport.isLinkUp;
    if (linkUp) {
      linkUps++;
      receivedSinceLinkUp = 0;
    }
    console.log(`link ${linkUp ? 'up' : 'down'} #${linkUps}`);
  }
}

function turn(): void {
  for (let i = 0; i < CYCLES_PER_TURN; i++) dutyCycle();
  if (running) {
    setImmediate(turn);
  } else {
    console.log(JSON.stringify({ received, lost, corrupt, statistics: transport.statistics.toObject() }));
    transport.close();
  }
}
console.log('ready');
turn();

/**
 * A host of ours on a DPDK port, in a process of its own: answers ping, sends every datagram to port 7 back after checking
 * it, as far as it fits a frame, and prints its statistics at SIGTERM. Prints `open` when the port is, and
 * `ready` when it has found its neighbour.
 *
 *   node bypass-echo.js <virtual device> <our address as an int32> <neighbour's> <ordinary pages | hugepages>
 */
import { SystemClock } from '../../src/concurrent/clock.ts';
import type { Region } from '../../src/memory/region.ts';
import { claimAddress } from '../../src/transport/bypass/claim-address.ts';
import { openBypassTransport } from '../../src/transport/bypass/open-bypass-transport.ts';
import { DatagramBurst } from '../../src/transport/transport.ts';
import { endpointOptions } from './datagrams.ts';
import { virtualEal } from './dpdk.ts';
import { ANSWER_LENGTH_MAX, isDatagram } from './echo-datagram.ts';

const CYCLES_PER_TURN = 200;

const clock = new SystemClock();
const transport = openBypassTransport(
  {
    ealArguments: virtualEal(
      process.argv[2]!,
      process.argv[5] === 'hugepages' ? 'hugepages' : 'ordinary pages',
    ),
    portId: 0,
    localAddress: Number(process.argv[3]),
    prefixLength: 24,
    gatewayAddress: 0,
    addressProbes: 3,
    mtu: 1500,
    rxQueueSize: 1024,
    txQueueSize: 1024,
  },
  clock,
);

console.log('open');
await claimAddress(transport, clock);

const burst = new DatagramBurst();
let received = 0;
let corrupt = 0;
let unanswered = 0;

const handler = {
  onDatagram(region: Region, offset: number, length: number, address: number, port: number): void {
    received++;
    if (!isDatagram(region.bytes, offset, length)) corrupt++;
    burst.clear();
    burst.add(region.handle, offset, Math.min(length, ANSWER_LENGTH_MAX));
    unanswered += 1 - transport.send(endpoint, burst, address, port);
  },
};
// What was sent refers to the packets received: it has to go out before their memory goes.
const listener = {
  onBurstEnd(): void {
    transport.flush();
  },
};
const endpoint = transport.open(endpointOptions({ localPort: 7 }), handler);

const DISCARD_PORT = 9;
const neighbour = Number(process.argv[4]);
let ready = false;

/** Sends something to the neighbour, which takes finding it first: an echo cannot wait for that. */
function findNeighbour(): void {
  burst.clear();
  burst.add(0, 0, 0);
  ready = transport.send(endpoint, burst, neighbour, DISCARD_PORT) === 1;
  if (ready) console.log('ready');
}

let running = true;
process.on('SIGTERM', () => {
  running = false;
});

function turn(): void {
  for (let i = 0; i < CYCLES_PER_TURN; i++) {
    clock.update();
    if (!ready) findNeighbour();
    transport.poll(listener);
    transport.flush();
  }
  if (running) {
    setImmediate(turn);
  } else {
    const { driverName } = transport.device.capabilities;
    console.log(
      JSON.stringify({ driverName, received, corrupt, unanswered, ...transport.statistics.toObject() }),
    );
    transport.close();
  }
}

turn();

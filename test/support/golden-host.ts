/**
 * A host of ours that takes the frames of one capture file and leaves what it sends in another: what it echoes, answers and
 * reports does not depend on time. Prints its statistics.
 *
 *   node golden-host.js <simulated | net_pcap> <capture to read> <capture to write>
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import type { Device } from '../../src/device/device.ts';
import { DpdkDevice } from '../../src/device/dpdk/dpdk-device.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import { NET_STATISTICS } from '../../src/net/net-statistics.ts';
import { READY } from '../../src/net/send-state.ts';
import { virtualEal } from './dpdk.ts';
import { OUR_ADDRESS, PEER_ADDRESS, receivedFrames } from './frames.ts';
import { readPcap, writePcap } from './pcap.ts';

const ECHO_PORT = 7;
const ANSWER_LENGTH_MAX = 1472;
const GROUP = 0xe0010203 | 0;
const FURTHER_ADDRESS = 0x0a010001;
const CYCLES = 100;

const [kind, from, to] = process.argv.slice(2) as [string, string, string];
const [ours, wire] =
  kind === 'simulated'
    ? SimulatedDevice.pair({ mtu: 1500, ringLength: 512 })
    : [openPcap(`net_pcap0,rx_pcap=${from},tx_pcap=${to}`), null];

function openPcap(device: string): Device {
  return DpdkDevice.open({
    ealArguments: virtualEal(device),
    portId: 0,
    mtu: 1500,
    rxQueueSize: 1024,
    txQueueSize: 1024,
  });
}

const clock = new SimulatedClock();
const stack = new IpStack(
  ours,
  {
    address: OUR_ADDRESS,
    prefixLength: 24,
    gatewayAddress: 0,
    furtherAddresses: [{ address: FURTHER_ADDRESS, prefixLength: 24 }],
    neighbours: [PEER_ADDRESS, FURTHER_ADDRESS + 1].map((address) => ({
      address,
      macHigh: 0x0200,
      macLow: 2,
    })),
  },
  clock,
);

function echo(
  handle: number,
  offset: number,
  length: number,
  source: number,
  sourcePort: number,
  own = OUR_ADDRESS,
): void {
  if (stack.startDatagrams(source, ECHO_PORT, sourcePort, own) !== READY) return;
  stack.addDatagram(handle, offset, Math.min(length, ANSWER_LENGTH_MAX));
}

const listener = {
  onUdp(offset: number, length: number, source: number, sourcePort: number, port: number): void {
    if (port === ECHO_PORT) echo(ours.memory.handle, offset, length, source, sourcePort);
  },
};
stack.groupListener = {
  onGroupUdp(offset: number, length: number, source: number, sourcePort: number, destination: number): void {
    const own = destination === GROUP ? OUR_ADDRESS : destination;
    echo(ours.memory.handle, offset, length, source, sourcePort, own);
  },
};
stack.reassemble({
  onReassembledUdp(region, offset, length, source, sourcePort): void {
    echo(region.handle, offset, length, source, sourcePort);
  },
});
stack.flush();
stack.joinGroup(GROUP);
stack.flush();
const sent: Buffer[] = wire === null ? [] : receivedFrames(wire);
const arriving = wire === null ? [] : readPcap(readFileSync(from));
for (let i = 0; i < CYCLES || arriving.length > 0; i++) {
  const frame = arriving.shift();
  if (frame !== undefined && !(ours as SimulatedDevice).inject(frame)) throw new Error('the ring is full');
  stack.receive(listener);
  stack.flush();
  if (wire !== null) sent.push(...receivedFrames(wire));
}
stack.close();
ours.close();
if (wire !== null) writeFileSync(to, writePcap(sent));
const counted = NET_STATISTICS.map((name, i): [string, number] => [name, stack.statistics[i]!]);
console.log(JSON.stringify(Object.fromEntries(counted.filter(([, value]) => value !== 0))));

/**
 * The stack over a port whose other end is nobody: `net_ring` brings back what is sent, so a stranger's frames can be sent
 * to ourselves, and answers be seen; `net_null` sends zeros without end and takes everything. Prints what was seen.
 *
 *   node stack-on-port.js <net_ring | net_null>
 */
import assert from 'node:assert/strict';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { setTxPayload, txFrame } from '../../src/device/device.ts';
import { DpdkDevice } from '../../src/device/dpdk/dpdk-device.ts';
import { Region } from '../../src/memory/region.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import { NET_STATISTICS } from '../../src/net/net-statistics.ts';
import { READY, UNRESOLVED } from '../../src/net/send-state.ts';
import { virtualEal } from './dpdk.ts';
import {
  arpFrame,
  BROADCAST_MAC,
  echoRequest,
  fragments,
  hex,
  internetChecksum,
  OUR_ADDRESS,
  OUR_MAC,
  PEER_ADDRESS,
  receivedFrames,
  udpFrame,
} from './frames.ts';

const HEADER_LENGTH = 42;
const NULL_BURSTS = 2000;

const driver = process.argv[2]!;
const device = DpdkDevice.open({
  ealArguments: virtualEal(`${driver}0`),
  portId: 0,
  mtu: 1500,
  rxQueueSize: 1024,
  txQueueSize: 1024,
});
const mac =
  device.macHigh.toString(16).padStart(4, '0') + (device.macLow >>> 0).toString(16).padStart(8, '0');
const clock = new SimulatedClock();
const stack = new IpStack(device, { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0 }, clock);
const rest = Region.allocate(2048);
const received: string[] = [];

const listener = {
  onUdp(offset: number, length: number): void {
    received.push(device.memory.bytes.toString('latin1', offset, offset + length));
  },
};
stack.reassemble({
  onReassembledUdp(region, offset, length): void {
    received.push(region.bytes.toString('latin1', offset, offset + length));
  },
});

/** The same frame to the card of this port. */
function toUs(frame: Buffer): Buffer {
  return frame.toString('hex', 0, 6) === OUR_MAC ? Buffer.concat([hex(mac), frame.subarray(6)]) : frame;
}

/** Lets frames arrive over the ring. Returns what the stack answers. */
function exchange(...frames: Buffer[]): Buffer[] {
  stack.flush();
  receivedFrames(device);
  const answers: Buffer[] = [];
  for (const frame of frames) {
    const whole = toUs(frame);
    assert.ok(whole.length >= HEADER_LENGTH && device.txRoom > 0);
    whole.copy(device.memory.bytes, txFrame(device.txWords, 0), 0, HEADER_LENGTH);
    whole.copy(rest.bytes, 0, HEADER_LENGTH);
    setTxPayload(device.txWords, 0, rest.handle, 0, whole.length - HEADER_LENGTH, 0);
    device.transmit(1);
    assert.equal(stack.receive(listener), 1);
    stack.flush();
    answers.push(...receivedFrames(device));
  }
  return answers;
}

function count(name: string): number {
  return stack.statistics[NET_STATISTICS.indexOf(name)]!;
}

function onRing(): void {
  stack.flush();
  assert.equal(stack.receive(listener), 1, 'the announcement comes back');
  assert.equal(count('arpConflicts'), 0, 'and is known to be ours');
  const [reply] = exchange(arpFrame(1, { destination: BROADCAST_MAC }));
  assert.equal(reply!.toString('hex', 20, 28), `0002${mac}`);
  const echo = exchange(echoRequest(Buffer.alloc(1472, 7)));
  assert.equal(echo.length, 1);
  assert.equal(internetChecksum(echo[0]!.subarray(34)), 0);

  const payloads = [0, 1, 17, 18, 1471, 1472].map((length) => 'x'.repeat(length));
  for (const checksum of [true, false]) {
    exchange(...payloads.map((payload) => udpFrame(Buffer.from(payload), { checksum })));
  }
  const wrong = udpFrame(Buffer.from('wrong'));
  wrong[44]! ^= 1;
  exchange(wrong, udpFrame(Buffer.from('options'), { options: '01010101' }));
  exchange(...fragments(udpFrame(Buffer.alloc(20_000, 'y')), 1480).reverse());
  assert.deepEqual(received, [...payloads, ...payloads, 'options', 'y'.repeat(20_000)]);
  assert.equal(count('udpChecksumWrong'), 1);

  assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), UNRESOLVED);
  exchange(arpFrame(2));
  assert.equal(stack.startDatagrams(PEER_ADDRESS, 1, 2), READY);
  for (const length of [0, 1, 2, 17, 1472]) {
    assert.equal(stack.addDatagram(rest.handle, 0, length), true);
    stack.flush();
    const [sent] = receivedFrames(device);
    const datagram = sent!.subarray(34, 42 + length);
    const pseudo = Buffer.concat([sent!.subarray(26, 34), hex('0011'), datagram.subarray(4, 6)]);
    assert.equal(internetChecksum(sent!.subarray(14, 34)), 0);
    assert.equal(internetChecksum(Buffer.concat([pseudo, datagram])), 0, `${length} bytes`);
  }
  const before = count('rxDatagrams');
  for (const frame of [udpFrame(Buffer.alloc(64)), echoRequest(Buffer.alloc(64)), arpFrame(2)]) {
    for (let length = HEADER_LENGTH; length < Math.min(frame.length, 106); length++) {
      if (length < frame.length) exchange(frame.subarray(0, length));
    }
  }
  assert.equal(count('rxDatagrams'), before, 'nothing cut off is delivered');
}

function onNull(): void {
  let frames = 0;
  for (let i = 0; i < NULL_BURSTS; i++) {
    clock.advanceNs(1e6);
    frames += stack.receive(listener);
    stack.startDatagrams(PEER_ADDRESS, 1, 2);
    stack.flush();
  }
  assert.ok(frames > NULL_BURSTS);
  assert.equal(count('rxFrames'), frames);
  const reasons = NET_STATISTICS.filter((name) =>
    /^(ethernet|ipv4|arp(?!Requests)|icmp|udp|igmp)/.test(name),
  );
  assert.equal(
    reasons.reduce((sum, name) => sum + count(name), 0),
    frames,
    'each frame of zeros is dropped for one reason',
  );
  assert.equal(count('arpRequests'), 3, 'the announcement, and two questions in two seconds');
  assert.deepEqual(received, []);
}

if (driver === 'net_ring') onRing();
else onNull();
stack.close();
device.close();
console.log(JSON.stringify({ driver, rxFrames: count('rxFrames'), txFrames: count('txFrames') }));

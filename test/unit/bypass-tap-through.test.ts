import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { RX_LENGTH, RX_OFFSET, RX_WORDS } from '../../src/device/device.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { TAP_TO_KERNEL, TAP_TO_KERNEL_DROPPED } from '../../src/transport/bypass/bypass-statistics.ts';
import { TapThroughDevice } from '../../src/transport/bypass/tap-through-device.ts';
import { Prng } from '../../src/util/prng.ts';

const OUR_ADDRESS = 0x0a000001;
const OUR_PORT = 0x9c40;
const GROUP = 0xe0000105 | 0;
const CARD_MAC = '020000000001';
const TAP_MAC = '020000000011';
const PEER_MAC = '020000000002';
const BROADCAST = 'ffffffffffff';

class Bench {
  readonly clock: SimulatedClock = new SimulatedClock();
  readonly device: TapThroughDevice;
  readonly counts: Float64Array = new Float64Array(20);
  /** What is at the other end of the card's cable, and the kernel. */
  readonly peer: SimulatedDevice;
  readonly kernel: SimulatedDevice;
  private readonly card: SimulatedDevice;

  constructor(kernelRingLength = 128) {
    const [card, peer] = SimulatedDevice.pair({ mtu: 1500, ringLength: 128 });
    const [tap, kernel] = SimulatedDevice.pair({
      mtu: 1500,
      ringLength: kernelRingLength,
      macLow: 0x11,
    });
    this.device = new TapThroughDevice(card, tap, [OUR_ADDRESS], this.clock);
    this.device.attach(
      {
        hasEndpointAt: (address, port) => port === OUR_PORT && (address === OUR_ADDRESS || address === GROUP),
      },
      this.counts,
    );
    this.card = card;
    this.peer = peer;
    this.kernel = kernel;
  }

  /** Lets frames arrive at the card. Returns those that the driver and the kernel get. */
  arrive(...frames: string[]): { ours: string[]; kernels: string[] } {
    for (const frame of frames) assert.ok(this.card.inject(Buffer.from(frame, 'hex')));
    return { ours: received(this.device), kernels: received(this.kernel) };
  }

  /** Lets the kernel send frames. Returns those that go out. */
  leave(...frames: string[]): string[] {
    for (const frame of frames) assert.ok(this.tap.inject(Buffer.from(frame, 'hex')));
    this.clock.advanceNs(1e6);
    this.device.receive();
    return received(this.peer);
  }

  private get tap(): SimulatedDevice {
    return (this.device as unknown as { kernel: SimulatedDevice }).kernel;
  }
}

function received(device: SimulatedDevice | TapThroughDevice): string[] {
  const count = device.receive();
  return Array.from({ length: count }, (_, i) => {
    const offset = device.rxWords[i * RX_WORDS + RX_OFFSET]!;
    return device.memory.bytes.toString('hex', offset, offset + device.rxWords[i * RX_WORDS + RX_LENGTH]!);
  });
}

const hex = (value: number): string => value.toString(16).padStart(4, '0');

/** An IPv4 packet from 10.0.0.2 to the card. */
function ipv4(
  protocol: string,
  payload: string,
  destination = '0a000001',
  fragment = 0,
  to = CARD_MAC,
): string {
  const header = `4500${hex(20 + payload.length / 2)}0000${hex(fragment)}40${protocol}00000a000002${destination}`;
  return `${to}${PEER_MAC}0800${header}${payload}`;
}

const udp = (port: number, destination?: string, fragment?: number, to?: string): string =>
  ipv4('11', `1234${hex(port)}000c000041424344`, destination, fragment, to);

function arp(operation: number, target: string, to: string, targetMac = '000000000000'): string {
  return `${to}${PEER_MAC}0806000108000604000${operation}${PEER_MAC}0a000002${targetMac}${target}`;
}

const ECHO = '0800000000010001';
const OURS = 'the driver';
const KERNELS = 'the kernel';
const BOTH = 'both';

for (const [what, frame, who] of [
  ['a datagram to an endpoint', udp(OUR_PORT), OURS],
  ['a datagram to another port', udp(53), KERNELS],
  ['a datagram to a group that an endpoint is in', udp(OUR_PORT, 'e0000105', 0, '01005e000105'), OURS],
  ['a datagram to another group', udp(OUR_PORT, 'e0000106', 0, '01005e000106'), KERNELS],
  ['a datagram to all', udp(68, 'ffffffff', 0, BROADCAST), KERNELS],
  ['the first piece of a datagram', udp(53, '0a000001', 0x2000), OURS],
  ['TCP', ipv4('06', '00160016'.padEnd(40, '0')), KERNELS],
  ['TCP to another address of the kernel', ipv4('06', '00160016'.padEnd(40, '0'), '0a000009'), KERNELS],
  ['a ping of our address', ipv4('01', ECHO), OURS],
  ['a ping of another address', ipv4('01', ECHO, '0a000009'), KERNELS],
  ['the answer to a ping', ipv4('01', '0000000000010001'), KERNELS],
  ['an ICMP error', ipv4('01', '0303000000000000'), BOTH],
  ['IGMP', ipv4('02', '1164000000000000', 'e0000001', 0, '01005e000001'), BOTH],
  ['the question of ARP for our address', arp(1, '0a000001', BROADCAST), OURS],
  ['the question of ARP for another address', arp(1, '0a000009', BROADCAST), BOTH],
  ['an answer of ARP', arp(2, '0a000001', CARD_MAC, CARD_MAC), BOTH],
  ['IPv6', `${CARD_MAC}${PEER_MAC}86dd60`.padEnd(120, '0'), OURS],
  ['a frame to another card', udp(53).replace(CARD_MAC, '020000000099'), OURS],
  ['a frame without an end', '0200', OURS],
] as const) {
  test(`should give ${what} to ${who}`, () => {
    const { ours, kernels } = new Bench().arrive(frame);
    assert.deepEqual(ours, who === KERNELS ? [] : [frame]);
    assert.equal(kernels.length, who === OURS ? 0 : 1);
  });
}

test('should show the kernel its own Ethernet address, and the world that of the card', () => {
  const bench = new Bench();
  assert.deepEqual(bench.arrive(udp(53)).kernels, [udp(53).replace(CARD_MAC, TAP_MAC)]);
  const answer = arp(2, '0a000001', CARD_MAC, CARD_MAC);
  assert.deepEqual(bench.arrive(answer).kernels, [answer.replaceAll(CARD_MAC, TAP_MAC)]);
  const question = `${BROADCAST}${TAP_MAC}08060001080006040001${TAP_MAC}0a000001${'00'.repeat(6)}0a000002`;
  assert.deepEqual(bench.leave(question), [question.replaceAll(TAP_MAC, CARD_MAC)]);
  const packet = `${PEER_MAC}${TAP_MAC}0800${'45'.repeat(500)}`;
  assert.deepEqual(bench.leave(packet), [packet.replace(TAP_MAC, CARD_MAC)]);
});

test('should keep the order of both, and the bytes of long and short frames', () => {
  const bench = new Bench();
  const seed = 51;
  const prng = new Prng(seed);
  for (let round = 0; round < 200; round++) {
    const frames = Array.from({ length: 1 + prng.nextBelow(40) }, (_, i) => {
      const isOurs = prng.nextBelow(2) === 0;
      const filler = hex(i).repeat(prng.nextBelow(350));
      return isOurs ? udp(OUR_PORT) + filler : ipv4('06', `0016${hex(i)}${filler}`.padEnd(16, '0'));
    });
    const { ours, kernels } = bench.arrive(...frames);
    assert.deepEqual(
      ours,
      frames.filter((frame) => frame.slice(46, 48) === '11'),
      `seed ${seed}`,
    );
    assert.deepEqual(
      kernels,
      frames.filter((frame) => frame.slice(46, 48) === '06').map((frame) => frame.replace(CARD_MAC, TAP_MAC)),
      `seed ${seed}`,
    );
  }
});

test('should drop and count what the kernel does not take, and go on when it does', () => {
  const bench = new Bench(32);
  assert.equal(bench.arrive(...Array.from({ length: 60 }, () => udp(53))).kernels.length, 32);
  assert.equal(bench.counts[TAP_TO_KERNEL], 32);
  assert.equal(bench.counts[TAP_TO_KERNEL_DROPPED], 28);
  assert.equal(received(bench.kernel).length, 0); // Has given the memory of the burst back.
  assert.equal(bench.arrive(udp(53)).kernels.length, 1);
});

test('should look into frames of any bytes and any length', () => {
  const bench = new Bench();
  const seed = 52;
  const prng = new Prng(seed);
  const originals = [udp(53), arp(2, '0a000001', CARD_MAC), ipv4('01', ECHO), ipv4('02', '1164000000000000')];
  let total = 0;
  for (let i = 0; i < 5000; i++) {
    const frame = Buffer.from(originals[i % originals.length]!, 'hex').subarray(0, prng.nextBelow(80));
    for (let k = prng.nextBelow(4); k > 0 && frame.length > 0; k--)
      frame[prng.nextBelow(frame.length)] = prng.nextBelow(256);
    const { ours, kernels } = bench.arrive(frame.toString('hex'));
    assert.ok(ours.length + kernels.length >= 1, `frame ${i}, seed ${seed}`);
    total += kernels.length;
  }
  assert.ok(total > 0);
});

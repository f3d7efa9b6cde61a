import assert from 'node:assert/strict';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import { parseIpAddress } from '../../src/util/ip-text.ts';
import type { Prng } from '../../src/util/prng.ts';
import { hex, internetChecksum, ipv4Frame, OUR_ADDRESS, OUR_MAC, PEER_MAC } from '../support/frames.ts';
import {
  address6,
  fragment6,
  icmpv6Frame,
  ipv6Frame,
  OUR_IPV6,
  PEER_IPV6,
  udp6Frame,
} from '../support/ipv6-frames.ts';
import { type Field, Mutator, words } from './mutator.ts';
import type { FuzzTarget } from './target.ts';

const FRAME_LENGTH_MAX = 1514;
const BURST = 24;
const VALID_OF_16 = 3;
const IP = 14;
const UPPER = 54;
const GROUP = 'ff15::aa:1';
const FIELDS: readonly Field[] = [
  ...words(0, IP, IP + 8, IP + 20, IP + 24, IP + 36, UPPER, UPPER + 4, UPPER + 8, UPPER + 20, UPPER + 24),
  { offset: 12, width: 2 },
  { offset: IP + 4, width: 2 },
  { offset: IP + 4, width: 2 },
  { offset: IP + 6, width: 1 },
  { offset: IP + 6, width: 2 },
  { offset: IP + 7, width: 1 },
  { offset: UPPER, width: 1 },
  { offset: UPPER + 1, width: 1 },
  { offset: UPPER + 4, width: 2 },
  { offset: UPPER + 25, width: 1 },
];
const NEIGHBOUR = { hopLimit: 255 };

/**
 * Frames of IPv6 at the stack of the bypass transport: UDP, echoes, neighbour discovery, listener discovery, extension
 * headers, errors; and fragments of both versions. Half of what is spoiled gets right checksums again.
 */
export class Ipv6Target implements FuzzTarget {
  private readonly prng: Prng;
  private readonly device: SimulatedDevice;
  private readonly peer: SimulatedDevice;
  private readonly clock: SimulatedClock = new SimulatedClock();
  private readonly stack: IpStack;
  private readonly mutator: Mutator;
  private readonly seeds: readonly Buffer[] = [
    udp6Frame(Buffer.alloc(64, 0x11)),
    udp6Frame(Buffer.alloc(0)),
    udp6Frame(Buffer.alloc(1452, 0x22)),
    udp6Frame(Buffer.alloc(40, 0x33), { destination: GROUP }),
    udp6Frame(Buffer.alloc(40, 0x44), { extensions: '1100050200000100', firstHeader: 0 }),
    udp6Frame(Buffer.alloc(40, 0x55), { extensions: '1100000000000000', firstHeader: 43 }),
    udp6Frame(Buffer.alloc(40, 0x66), { extensions: '1100000012345678', firstHeader: 44 }),
    icmpv6Frame('8000 0000 0001 0002 6162636465666768'),
    icmpv6Frame(`8700 0000 00000000 ${address6(OUR_IPV6)} 0101 ${PEER_MAC}`, NEIGHBOUR),
    icmpv6Frame(`8800 0000 60000000 ${address6(PEER_IPV6)} 0201 ${PEER_MAC}`, NEIGHBOUR),
    icmpv6Frame(`8800 0000 20000000 ${address6(OUR_IPV6)} 0201 ${PEER_MAC}`, NEIGHBOUR),
    icmpv6Frame(`8600 0000 40000708 00000000 00000000 0101 ${PEER_MAC}`, NEIGHBOUR),
    icmpv6Frame(`8900 0000 00000000 ${address6(PEER_IPV6)} ${address6(PEER_IPV6)}`, NEIGHBOUR),
    icmpv6Frame(`8200 0000 03e8 0000 ${'00'.repeat(16)} 027d 0000`, {
      source: 'fe80::ff:fe00:2',
      destination: 'ff02::1',
      hopLimit: 1,
      extensions: '3a00050200000100',
      firstHeader: 0,
    }),
    icmpv6Frame(
      `0100 0000 00000000 6000000000081140 ${address6(OUR_IPV6)} ${address6(PEER_IPV6)} 13880fa000080000`,
    ),
    icmpv6Frame(
      `0200 0000 00000500 6000000005a01140 ${address6(OUR_IPV6)} ${address6(PEER_IPV6)} 13880fa000080000`,
    ),
    ipv6Frame(59, Buffer.alloc(8)),
  ];
  private inBurst = 0;
  private identification = 0;

  constructor(prng: Prng) {
    this.prng = prng;
    [this.device, this.peer] = SimulatedDevice.pair();
    const ipv6 = {
      addresses: [{ address: parseIpAddress(OUR_IPV6)!, prefixLength: 64 }],
      gatewayAddress: parseIpAddress('2001:db8::fe')!,
    };
    const options = { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0, ipv6 };
    this.stack = new IpStack(this.device, options, this.clock);
    this.stack.ipv6Listener = {
      onIpv6Udp: (offset, length): boolean => {
        assert.ok(length >= 0 && offset + length <= this.device.memory.byteLength);
        return prng.nextBelow(2) === 0;
      },
    };
    this.stack.reassemble({
      onReassembledUdp: (region, offset, length) => {
        assert.ok(length >= 0 && length <= 65_527 && offset + length <= region.byteLength);
      },
    });
    this.mutator = new Mutator(prng, FRAME_LENGTH_MAX + 64, false);
    this.stack.flush();
  }

  get isMalformed(): boolean {
    return this.mutator.isSpoiled;
  }

  step(): void {
    const { prng, mutator } = this;
    mutator.begin();
    if (prng.nextBelow(64) === 0) {
      mutator.randomize(prng.nextBelow(128));
      mutator.bytes.write(`${OUR_MAC}${PEER_MAC}86dd`, 'hex');
    } else {
      mutator.load(prng.nextBelow(4) === 0 ? this.fragment() : mutator.pick(this.seeds));
      if (prng.nextBelow(16) >= VALID_OF_16) mutator.mutate(FIELDS);
      if (mutator.isSpoiled && prng.nextBelow(2) === 0) repairChecksums(mutator.bytes, mutator.length);
    }
    mutator.length = Math.min(mutator.length, FRAME_LENGTH_MAX);
    assert.ok(this.device.inject(mutator.bytes.subarray(0, mutator.length)), 'the ring has room');
    if (++this.inBurst === BURST) this.cycle();
  }

  /** One of some datagrams that are in pieces, which fit together or not. */
  private fragment(): Buffer {
    const { prng } = this;
    if (prng.nextBelow(8) === 0) this.identification++;
    const offset = prng.nextBelow(4);
    const isLast = prng.nextBelow(3) === 0;
    const payload = Buffer.alloc(isLast ? 1 + prng.nextBelow(40) : 8 * (1 + prng.nextBelow(5)), offset);
    if (offset === 0) payload.write('0fa0138800280000', 'hex');
    if (prng.nextBelow(2) === 0) {
      const { identification } = this;
      return fragment6(anyDatagram(prng), payload, 8 * offset, isLast, identification);
    }
    const frame = ipv4Frame(17, payload, { fragment: offset | (isLast ? 0 : 0x2000) });
    frame.writeUInt16BE(this.identification & 0xffff, IP + 4);
    repairChecksums(frame, frame.length);
    return frame;
  }

  private cycle(): void {
    const { stack, prng, clock, peer } = this;
    this.inBurst = 0;
    let frames = 0;
    const listener = { onUdp: (): void => {} };
    for (let count = stack.receive(listener); count > 0; count = stack.receive(listener)) frames += count;
    assert.equal(frames, BURST);
    clock.advanceNs(prng.nextBelow(100) === 0 ? 61e9 : 1e6);
    const to = parseIpAddress(prng.nextBelow(4) === 0 ? PEER_IPV6 : `2001:db8::${prng.nextBelow(9999)}`);
    if (to !== null) stack.ipv6!.startDatagrams(parseIpAddress(OUR_IPV6)!, to, 5000, 4000);
    stack.flush();
    while (peer.receive() > 0);
  }

  check(): void {
    for (const value of this.stack.statistics) assert.ok(Number.isSafeInteger(value) && value >= 0);
  }

  describe(): string {
    return this.mutator.bytes.toString('hex', 0, this.mutator.length);
  }

  close(): void {
    this.device.close();
    this.peer.close();
  }
}

/** A frame of UDP, from one of some hosts. */
function anyDatagram(prng: Prng): Buffer {
  const source = `2001:db8::${(2 + prng.nextBelow(40)).toString(16)}`;
  return udp6Frame(Buffer.alloc(0), { source, destination: prng.nextBelow(4) === 0 ? GROUP : OUR_IPV6 });
}

/** Makes the checksum of an IPv4 header, or of what is right behind that of IPv6, right. */
function repairChecksums(frame: Buffer, length: number): void {
  const type = length < UPPER + 8 ? 0 : frame.readUInt16BE(12);
  if (type === 0x0800 && (frame[IP]! & 0x0f) === 5) {
    frame.writeUInt16BE(0, IP + 10);
    frame.writeUInt16BE(internetChecksum(frame.subarray(IP, IP + 20)), IP + 10);
  } else if (type === 0x86dd && (frame[IP + 6] === 17 || frame[IP + 6] === 58)) {
    const protocol = frame[IP + 6]!;
    const end = Math.min(length, UPPER + frame.readUInt16BE(IP + 4));
    const at = UPPER + (protocol === 17 ? 6 : 2);
    if (end < at + 2) return;
    frame.writeUInt16BE(0, at);
    const pseudo = Buffer.concat([frame.subarray(IP + 8, UPPER), hex('00000000 00000000')]);
    pseudo.writeUInt32BE(end - UPPER, 32);
    pseudo.writeUInt32BE(protocol, 36);
    frame.writeUInt16BE(internetChecksum(Buffer.concat([pseudo, frame.subarray(UPPER, end)])) || 0xffff, at);
  }
}

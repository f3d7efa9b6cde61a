import assert from 'node:assert/strict';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import type { Region } from '../../src/memory/region.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import { NET_STATISTICS } from '../../src/net/net-statistics.ts';
import type { Prng } from '../../src/util/prng.ts';
import {
  arpFrame,
  BROADCAST_MAC,
  echoRequest,
  fragments,
  internetChecksum,
  ipv4Frame,
  OUR_ADDRESS,
  OUR_MAC,
  PEER_ADDRESS,
  udpFrame,
} from '../support/frames.ts';
import { type Field, Mutator, words } from './mutator.ts';
import type { FuzzTarget } from './target.ts';

const FRAME_LENGTH_MAX = 1514;
const BURST = 24;
const VALID_OF_16 = 2;

const ETHERNET_TYPE = 12;
const IP = 14;
const TRANSPORT = 34;
const FIELDS: readonly Field[] = [
  { offset: 0, width: 4 },
  { offset: ETHERNET_TYPE, width: 2 },
  { offset: IP, width: 1 },
  { offset: IP + 1, width: 1 },
  { offset: IP + 2, width: 2 },
  { offset: IP + 2, width: 2 },
  { offset: IP + 4, width: 2 },
  { offset: IP + 6, width: 2 },
  { offset: IP + 8, width: 1 },
  { offset: IP + 9, width: 1 },
  ...words(IP + 12, IP + 16),
  { offset: TRANSPORT, width: 2 },
  { offset: TRANSPORT + 2, width: 2 },
  { offset: TRANSPORT + 4, width: 2 },
  { offset: TRANSPORT + 4, width: 2 },
  { offset: TRANSPORT + 6, width: 2 },
  ...words(TRANSPORT + 4, TRANSPORT + 8),
];

/** What becomes of a frame: one of these, at most; the last one of a datagram's pieces is counted once more. */
const OUTCOMES: readonly number[] = NET_STATISTICS.flatMap((name, index) =>
  /^(rxDatagrams$|ethernet|ipv4(?!Reassembl)|icmp|udp|arpMalformed|arpReplies)/.test(name) ? [index] : [],
);
const REASSEMBLED = NET_STATISTICS.indexOf('ipv4Reassembled');

/**
 * Ethernet frames at the stack of the bypass transport: ARP, IPv4, ICMP, UDP and what is none of them. Half of what is
 * spoiled gets right checksums again, so that the checks behind them are reached.
 */
export class PacketTarget implements FuzzTarget {
  private readonly prng: Prng;
  private readonly device: SimulatedDevice;
  private readonly peer: SimulatedDevice;
  private readonly clock: SimulatedClock = new SimulatedClock();
  private readonly stack: IpStack;
  private readonly mutator: Mutator;
  private readonly seeds: readonly Buffer[] = [
    udpFrame(Buffer.alloc(64, 0x11)),
    udpFrame(Buffer.alloc(0)),
    udpFrame(Buffer.alloc(1472, 0x33)),
    udpFrame(Buffer.alloc(33, 0x22), { checksum: false }),
    udpFrame(Buffer.alloc(40, 0x44), { options: '9404000001010100' }),
    udpFrame(Buffer.alloc(40, 0x55), { destination: 0xe0000103 | 0, destinationMac: '01005e000103' }),
    echoRequest(Buffer.alloc(56, 0x66)),
    echoRequest(Buffer.alloc(1472, 0x77)),
    ipv4Frame(2, Buffer.from('1100eeff00000000', 'hex'), { options: '94040000' }),
    ipv4Frame(17, Buffer.alloc(40), { fragment: 0x2000 }),
    ...fragments(udpFrame(Buffer.alloc(1000, 0x88)), 504),
    ...fragments(udpFrame(Buffer.alloc(1000, 0x99), { checksum: false, identification: 7 }), 512),
    ipv4Frame(1, Buffer.from('0303fcfc00000000', 'hex')),
    arpFrame(1),
    arpFrame(1, { destination: BROADCAST_MAC }),
    arpFrame(2),
    arpFrame(2, { sender: OUR_ADDRESS }),
  ];
  private inBurst = 0;

  constructor(prng: Prng) {
    this.prng = prng;
    [this.device, this.peer] = SimulatedDevice.pair();
    const options = { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0x0a0000fe };
    this.stack = new IpStack(this.device, options, this.clock);
    this.stack.reassemble(this.listener);
    this.mutator = new Mutator(prng, FRAME_LENGTH_MAX + 64, false);
    this.stack.flush();
  }

  step(): void {
    const { prng, mutator } = this;
    if (prng.nextBelow(64) === 0) {
      mutator.randomize(prng.nextBelow(128));
      mutator.bytes.write(OUR_MAC, 'hex');
    } else {
      mutator.load(mutator.pick(this.seeds));
      if (prng.nextBelow(16) >= VALID_OF_16) {
        mutator.mutate(FIELDS);
        if (prng.nextBelow(2) === 0) repairChecksums(mutator.bytes, mutator.length);
      }
    }
    mutator.length = Math.min(mutator.length, FRAME_LENGTH_MAX);
    assert.ok(this.device.inject(mutator.bytes.subarray(0, mutator.length)), 'the ring has room');
    if (++this.inBurst === BURST) this.cycle();
  }

  private readonly listener = {
    onUdp: (offset: number, length: number): void => {
      assert.ok(length >= 0 && length <= 1472, `a datagram of ${length} bytes`);
      assert.ok(offset + length <= this.device.memory.byteLength);
    },
    onReassembledUdp: (region: Region, offset: number, length: number): void => {
      assert.ok(length >= 0 && length <= 65_507 && offset + length <= region.byteLength);
    },
  };

  private cycle(): void {
    const { stack, prng, clock, peer } = this;
    this.inBurst = 0;
    const before = this.counted();
    let frames = 0;
    for (let count = stack.receive(this.listener); count > 0; count = stack.receive(this.listener)) {
      frames += count;
    }
    assert.equal(frames, BURST);
    const counted = this.counted() - before;
    assert.ok(counted <= frames, `${counted} outcomes of ${frames} frames`);
    clock.advanceNs(prng.nextBelow(100) === 0 ? 61e9 : 1e6);
    // To somebody, and to somebody else each time, so that the cache of neighbours is full.
    const to = prng.nextBelow(4) === 0 ? PEER_ADDRESS : (0x0a000000 | prng.nextBelow(254)) + 1;
    if (stack.startDatagrams(to, 1, 2) === 0) stack.addDatagram(this.device.memory.handle, 0, 64);
    stack.flush();
    while (peer.receive() > 0);
  }

  private counted(): number {
    let sum = 0;
    for (const index of OUTCOMES) sum += this.stack.statistics[index]!;
    return sum - this.stack.statistics[REASSEMBLED]!;
  }

  check(): void {
    for (const value of this.stack.statistics) assert.ok(Number.isSafeInteger(value) && value >= 0);
  }

  describe(): string {
    return this.mutator.bytes.toString('hex', 0, this.mutator.length);
  }

  close(): void {
    this.stack.close();
    this.device.close();
    this.peer.close();
  }
}

/** Makes the checksums of an IPv4 packet right, as far as its lengths allow. */
function repairChecksums(frame: Buffer, length: number): void {
  if (length < TRANSPORT + 8 || frame.readUInt16BE(ETHERNET_TYPE) !== 0x0800) return;
  const headerLength = 4 * (frame[IP]! & 0x0f);
  const payload = IP + headerLength;
  const end = Math.min(length, IP + frame.readUInt16BE(IP + 2));
  if (headerLength < 20 || payload + 8 > end) return;
  frame.writeUInt16BE(0, IP + 10);
  frame.writeUInt16BE(internetChecksum(frame.subarray(IP, payload)), IP + 10);
  const protocol = frame[IP + 9]!;
  if (protocol === 1) {
    frame.writeUInt16BE(0, payload + 2);
    frame.writeUInt16BE(internetChecksum(frame.subarray(payload, end)), payload + 2);
  } else if (protocol === 17) {
    // Without one, which is allowed.
    frame.writeUInt16BE(0, payload + 6);
  }
}

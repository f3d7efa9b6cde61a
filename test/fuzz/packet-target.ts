import assert from 'node:assert/strict';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
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
import { FUZZED_GROUP, FuzzedHost } from './fuzzed-host.ts';
import { type Field, Mutator, words } from './mutator.ts';
import type { FuzzTarget } from './target.ts';

const FRAME_LENGTH_MAX = 1514;
const BURST = 24;
const VALID_OF_16 = 2;

const ALL_SYSTEMS = 0xe0000001 | 0;
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
 * spoiled gets right checksums again, so that the checks behind them are reached. Two hosts get the same frames with different
 * bytes behind them, and must deliver, send and count the same: nothing outside of a frame is looked at.
 */
export class PacketTarget implements FuzzTarget {
  private readonly prng: Prng;
  private readonly clock: SimulatedClock = new SimulatedClock();
  private readonly host: FuzzedHost = new FuzzedHost(this.clock, 0x00);
  /** Gets the same frames, with something else behind them. */
  private readonly twin: FuzzedHost = new FuzzedHost(this.clock, 0xff);
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
    unreachable(3, 0),
    unreachable(4, 1280),
    ipv4Frame(2, Buffer.from('1164ee9b00000000', 'hex'), {
      destination: ALL_SYSTEMS,
      destinationMac: '01005e000001',
    }),
    ipv4Frame(2, Buffer.from('1600093be0000103', 'hex'), {
      destination: FUZZED_GROUP,
      destinationMac: '01005e000103',
    }),
    ipv4Frame(2, Buffer.from('1164ec8c0000000002140000', 'hex'), {
      destination: ALL_SYSTEMS,
      destinationMac: '01005e000001',
    }),
    arpFrame(2, { senderMac: '020000000666' }),
    arpFrame(1, { destination: BROADCAST_MAC, sender: 0 }),
    arpFrame(1),
    arpFrame(1, { destination: BROADCAST_MAC }),
    arpFrame(2),
    arpFrame(2, { sender: OUR_ADDRESS }),
  ];
  private inBurst = 0;

  constructor(prng: Prng) {
    this.prng = prng;
    this.mutator = new Mutator(prng, FRAME_LENGTH_MAX + 64, false);
  }

  get isMalformed(): boolean {
    return this.mutator.isSpoiled;
  }

  step(): void {
    const { prng, mutator } = this;
    mutator.begin();
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
    const frame = mutator.bytes.subarray(0, mutator.length);
    assert.ok(this.host.inject(frame) && this.twin.inject(frame), 'the ring has room');
    if (++this.inBurst === BURST) this.cycle();
  }

  private cycle(): void {
    const { host, twin, prng, clock } = this;
    this.inBurst = 0;
    const before = this.counted();
    assert.equal(host.receive(), BURST);
    assert.equal(twin.receive(), BURST);
    const counted = this.counted() - before;
    assert.ok(counted <= BURST, `${counted} outcomes of ${BURST} frames`);
    clock.advanceNs(prng.nextBelow(100) === 0 ? 61e9 : 1e6);
    // To somebody, and to somebody else each time, so that the cache of neighbours is full.
    const to = prng.nextBelow(4) === 0 ? PEER_ADDRESS : (0x0a000000 | prng.nextBelow(254)) + 1;
    host.send(to);
    twin.send(to);
    assert.equal(host.digest, twin.digest, 'what lies behind a frame is not looked at');
  }

  private counted(): number {
    const { statistics } = this.host.stack;
    let sum = 0;
    for (const index of OUTCOMES) sum += statistics[index]!;
    return sum - statistics[REASSEMBLED]!;
  }

  check(): void {
    const { statistics } = this.host.stack;
    for (const value of statistics) assert.ok(Number.isSafeInteger(value) && value >= 0);
    assert.deepEqual(this.twin.stack.statistics, statistics, 'what lies behind a frame is not looked at');
  }

  describe(): string {
    return this.mutator.bytes.toString('hex', 0, this.mutator.length);
  }

  close(): void {
    this.host.close();
    this.twin.close();
  }
}

/** A router's word that a datagram of the flow that the hosts send did not arrive. */
function unreachable(code: number, mtu: number): Buffer {
  const fields = { source: OUR_ADDRESS, destination: PEER_ADDRESS, sourcePort: 1, destinationPort: 2 };
  const quote = udpFrame(Buffer.alloc(1400), fields).subarray(14, 42);
  const message = Buffer.concat([Buffer.from([3, code, 0, 0, 0, 0, mtu >> 8, mtu & 0xff]), quote]);
  message.writeUInt16BE(internetChecksum(message), 2);
  return ipv4Frame(1, message);
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
  if (protocol === 1 || protocol === 2) {
    frame.writeUInt16BE(0, payload + 2);
    frame.writeUInt16BE(internetChecksum(frame.subarray(payload, end)), payload + 2);
  } else if (protocol === 17) {
    // Without one, which is allowed.
    frame.writeUInt16BE(0, payload + 6);
  }
}

/**
 * A million frames of a hostile neighbour, by seed: claims to everybody's address, by ARP and neighbour discovery, pieces of
 * datagrams, queries and reports of groups, errors made up, echoes, datagrams from anywhere to any port. Meanwhile live peers are
 * sent to, and must stay reachable at their own cards; tables, answers and memory stay bounded; every frame is counted.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import {
  NEIGHBOURS_EVICTED,
  NEIGHBOURS_MOVED,
  NET_STATISTICS,
  RX_DATAGRAM_BYTES,
  RX_FRAMES,
  TX_FRAMES,
} from '../../src/net/net-statistics.ts';
import { READY } from '../../src/net/send-state.ts';
import { retainAddress } from '../../src/util/ip-address.ts';
import { formatIpAddress, ipAddressBytes, parseIpAddress } from '../../src/util/ip-text.ts';
import { Prng } from '../../src/util/prng.ts';
import {
  arpFrame,
  BROADCAST_MAC,
  echoRequest,
  fragments,
  hex,
  internetChecksum,
  ipv4Frame,
  OUR_ADDRESS,
  receivedFrames,
  udpFrame,
} from '../support/frames.ts';
import { address6, fragments6, icmpv6Frame, OUR_IPV6, udp6Frame } from '../support/ipv6-frames.ts';

const FRAMES = 1_000_000;
/** Half of them come as fast as a card is, the others for so long that neighbours have to be asked again. */
const FAST_INTERVAL_NS = 4_000;
const SLOW_INTERVAL_NS = 200_000;
/** So often a live peer asks for us. */
const FRAMES_PER_QUESTION = 2000;
const FRAMES_PER_ROUND = 50;
/** As many made frames are sent again and again, spoiled a little each time. */
const CORPUS = 4000;
const PEERS = 40;
/** What anyone can cause: 1000 a second of ARP, neighbour discovery and reports, each of two kinds, and echoes of each family. */
const SENT_PER_SECOND_MAX = 8_000;
const HEAP_GROWTH_MAX = 4 << 20;
const GROUP = 0xe0010203 | 0;
const GROUP6 = 'ff15::aa:1';
const OURS6 = retainAddress(parseIpAddress(OUR_IPV6)!);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

interface Peer {
  readonly address: number;
  readonly mac: string;
}

/** 20 of each family. */
const peers: readonly Peer[] = Array.from({ length: PEERS }, (_, i) => ({
  // Held, as endpoints hold theirs: strangers' addresses take the place of what nobody does.
  address:
    i < PEERS / 2
      ? OUR_ADDRESS + 10 + i
      : retainAddress(parseIpAddress(`2001:db8::${(16 + i).toString(16)}`)!),
  mac: `0200000000${(16 + i).toString(16)}`,
}));
const isFour = ({ address }: Peer): boolean => address >>> 24 !== 0;

class Flood {
  private readonly prng: Prng;
  private readonly corpus: Buffer[];

  constructor(seed: number) {
    this.prng = new Prng(seed);
    this.corpus = Array.from({ length: CORPUS }, () => this.make());
  }

  /** One of the corpus; every other has a byte or two of its addresses or contents changed, without regard to checksums. */
  next(): Buffer {
    const { prng } = this;
    const frame = this.corpus[prng.nextBelow(CORPUS)]!;
    if (prng.nextBelow(2) === 0) return frame;
    const copy = Buffer.from(frame);
    for (let i = prng.nextBelow(3); i >= 0; i--)
      copy[12 + prng.nextBelow(copy.length - 12)] = prng.nextBelow(256);
    return prng.nextBelow(8) === 0 ? copy.subarray(0, 14 + prng.nextBelow(copy.length - 14)) : copy;
  }

  private mac(): string {
    return `06${this.prng
      .nextBelow(2 ** 30)
      .toString(16)
      .padStart(10, '0')}`;
  }

  /** Somebody's address: a live peer's, ours, anybody's. */
  private address(isOursToo = true): number {
    const { prng } = this;
    const kind = prng.nextBelow(4);
    if (kind === 0 && isOursToo) return OUR_ADDRESS;
    if (kind === 1) return peers[prng.nextBelow(PEERS / 2)]!.address;
    return 0x0a000000 + 0x100 * prng.nextBelow(2) + prng.nextBelow(256);
  }

  private address6(isOursToo = true): string {
    const { prng } = this;
    const kind = prng.nextBelow(4);
    if (kind === 0 && isOursToo) return OUR_IPV6;
    if (kind === 1) return formatIpAddress(peers[PEERS / 2 + prng.nextBelow(PEERS / 2)]!.address);
    return `2001:db8::${(256 + prng.nextBelow(60_000)).toString(16)}`;
  }

  private make(): Buffer {
    const { prng } = this;
    const random = (length: number): Buffer => Buffer.from(Array.from({ length }, () => prng.nextBelow(256)));
    const near = { hopLimit: 255 };
    const source = this.address6(false);
    switch (prng.nextBelow(16)) {
      case 0:
      case 1: {
        const senderMac = this.mac();
        const fields = { senderMac, sender: this.address(), target: this.address() };
        return arpFrame(
          1 + prng.nextBelow(2),
          prng.nextBelow(2) === 0 ? { ...fields, destination: BROADCAST_MAC } : fields,
        );
      }
      case 2: {
        // Gratuitous.
        const sender = this.address();
        return arpFrame(1, { destination: BROADCAST_MAC, senderMac: this.mac(), sender, target: sender });
      }
      case 3: {
        const flags = ((prng.nextBelow(8) << 29) >>> 0).toString(16).padStart(8, '0');
        const text = `8800 0000 ${flags} ${address6(this.address6())} 0201 ${this.mac()}`;
        return icmpv6Frame(text, {
          ...near,
          source,
          destination: prng.nextBelow(2) === 0 ? 'ff02::1' : OUR_IPV6,
        });
      }
      case 4: {
        const text = `8700 0000 00000000 ${address6(this.address6())} 0101 ${this.mac()}`;
        return icmpv6Frame(text, {
          ...near,
          source,
          destination: prng.nextBelow(2) === 0 ? 'ff02::1:ff00:1' : OUR_IPV6,
        });
      }
      case 5:
        return icmpv6Frame(`8700 0000 00000000 ${address6(OUR_IPV6)}`, {
          ...near,
          source: '::',
          destination: 'ff02::1:ff00:1',
        });
      case 6: {
        const kind =
          prng.nextBelow(2) === 0
            ? '8600 0000 40000708 00000000 00000000'
            : `8900 0000 00000000 ${address6(source)} ${address6(source)}`;
        return icmpv6Frame(`${kind} 0101 ${this.mac()}`, { ...near, source: 'fe80::bad' });
      }
      case 7: {
        const identification = prng.nextBelow(65_536);
        const frame = udpFrame(random(100 + prng.nextBelow(3000)), {
          source: this.address(false),
          identification,
        });
        const pieces = fragments(frame, 8 * (1 + prng.nextBelow(100)));
        return pieces[prng.nextBelow(pieces.length)]!;
      }
      case 8: {
        const pieces = fragments6(
          udp6Frame(random(100 + prng.nextBelow(3000)), { source }),
          8 * (1 + prng.nextBelow(100)),
          prng.nextBelow(2 ** 32),
        );
        return pieces[prng.nextBelow(pieces.length)]!;
      }
      case 9: {
        const type = [0x11, 0x11, 0x12, 0x16, 0x17, 0x22][prng.nextBelow(6)]!;
        const message = Buffer.concat([
          Buffer.of(type, prng.nextBelow(256), 0, 0),
          prng.nextBelow(2) === 0 ? hex('e0010203') : Buffer.alloc(4),
          prng.nextBelow(2) === 0 ? Buffer.alloc(0) : Buffer.alloc(4),
        ]);
        message.writeUInt16BE(internetChecksum(message), 2);
        return ipv4Frame(2, message, {
          source: this.address(false),
          destination: 0xe0000001 | 0,
          destinationMac: '01005e000001',
        });
      }
      case 10: {
        const rest = prng.nextBelow(2) === 0 ? '027d 0000' : '';
        const group = prng.nextBelow(2) === 0 ? address6(GROUP6) : '00'.repeat(16);
        return icmpv6Frame(
          `8${2 + prng.nextBelow(3)}00 0000 ${random(2).toString('hex')} 0000 ${group} ${rest}`,
          {
            source: 'fe80::bad',
            destination: 'ff02::1',
            hopLimit: 1,
            extensions: '3a00050200000100',
            firstHeader: 0,
          },
        );
      }
      case 11: {
        const quote = udpFrame(Buffer.alloc(600), {
          source: OUR_ADDRESS,
          destination: this.address(false),
          sourcePort: 5000,
          destinationPort: 4000,
        }).subarray(14, 42);
        const message = Buffer.concat([Buffer.of(3, prng.nextBelow(16), 0, 0, 0, 0, 5, 0), quote]);
        message.writeUInt16BE(internetChecksum(message), 2);
        return ipv4Frame(1, message, { source: this.address(false) });
      }
      case 12: {
        const start =
          prng.nextBelow(2) === 0 ? `010${prng.nextBelow(7)} 0000 00000000` : '0200 0000 00000500';
        return icmpv6Frame(
          `${start} 6000000005a01140 ${address6(OUR_IPV6)} ${address6(this.address6(false))} 13880fa005a00000`,
          { source },
        );
      }
      case 13:
        return prng.nextBelow(2) === 0
          ? echoRequest(random(prng.nextBelow(64)), { source: this.address() })
          : icmpv6Frame(`8000 0000 ${random(12).toString('hex')}`, { source });
      case 14:
        return udpFrame(random(prng.nextBelow(200)), {
          source: this.address(),
          sourcePort: prng.nextBelow(65_536),
          destinationPort: prng.nextBelow(65_536),
        });
      default:
        return udp6Frame(random(prng.nextBelow(200)), { source });
    }
  }
}

/** What a live peer says to a frame that asks for it at its own card, or at everybody's; null: it is not asked. */
function answer(peer: Peer, frame: Buffer): Buffer | null {
  const to = frame.toString('hex', 0, 6);
  if (isFour(peer)) {
    const isAsked =
      frame.readUInt16BE(12) === 0x0806 && frame[21] === 1 && frame.readInt32BE(38) === peer.address;
    if (!isAsked || (to !== BROADCAST_MAC && to !== peer.mac)) return null;
    return arpFrame(2, { senderMac: peer.mac, sender: peer.address });
  }
  const octets = Buffer.from(ipAddressBytes(peer.address));
  const isAsked =
    frame.readUInt16BE(12) === 0x86dd && frame[54] === 135 && frame.subarray(62, 78).equals(octets);
  if (!isAsked || (!to.startsWith('3333') && to !== peer.mac)) return null;
  const source = formatIpAddress(peer.address);
  return icmpv6Frame(`8800 0000 60000000 ${octets.toString('hex')} 0201 ${peer.mac}`, {
    hopLimit: 255,
    source,
  });
}

/** A live peer asks for our address. */
function question({ address, mac }: Peer): Buffer {
  if (isFour({ address, mac }))
    return arpFrame(1, { destination: BROADCAST_MAC, senderMac: mac, sender: address });
  const fields = {
    hopLimit: 255,
    source: formatIpAddress(address),
    sourceMac: mac,
    destination: 'ff02::1:ff00:1',
  };
  return icmpv6Frame(`8700 0000 00000000 ${address6(OUR_IPV6)} 0101 ${mac}`, fields);
}

function isReply(frame: Buffer, { address, mac }: Peer): boolean {
  if (frame.toString('hex', 0, 6) !== mac) return false;
  return isFour({ address, mac })
    ? frame.readUInt16BE(12) === 0x0806 && frame[21] === 2
    : frame.readUInt16BE(12) === 0x86dd && frame[54] === 136;
}

function memory(): { heap: number; external: number } {
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, external: external + arrayBuffers };
}

test('a million hostile frames displace no live peer, fill nothing, and are counted', {
  timeout: 300_000,
}, (t) => {
  const seed = (Math.random() * 2 ** 31) | 0;
  t.diagnostic(`seed ${seed}`);
  const flood = new Flood(seed);
  const [device, wire] = SimulatedDevice.pair({ mtu: 1500, ringLength: 1024 });
  const clock = new SimulatedClock();
  const ipv6 = { addresses: [{ address: OURS6, prefixLength: 64 }], gatewayAddress: 0 };
  const stack = new IpStack(
    device,
    { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0, ipv6 },
    clock,
  );
  let datagrams = 0;
  const listener = { onUdp: (): number => datagrams++ };
  stack.groupListener = { onGroupUdp: () => datagrams++ };
  stack.ipv6Listener = { onIpv6Udp: () => ++datagrams % 2 === 0 };
  stack.reassemble({ onReassembledUdp: () => datagrams++ });
  const { statistics } = stack;
  const inject = (frame: Buffer): void => {
    assert.ok(device.inject(frame), 'the ring has room');
    stack.receive(listener);
  };
  /** What left, by whom it went to; live peers answer at once. */
  const exchange = (): Buffer[] => {
    stack.flush();
    const sent = receivedFrames(wire);
    for (const frame of sent) {
      for (const peer of peers) {
        const reply = answer(peer, frame);
        if (reply !== null) inject(reply);
      }
    }
    return sent;
  };
  const start = (peer: Peer): number =>
    isFour(peer)
      ? stack.startDatagrams(peer.address, 5000, 4000)
      : stack.ipv6!.startDatagrams(OURS6, peer.address, 5000, 4000);
  stack.joinGroup(GROUP);
  stack.joinGroup(parseIpAddress(GROUP6)!);
  for (let i = 0; i < 30; i++) {
    clock.advanceNs(100e6);
    for (const peer of peers) start(peer);
    exchange();
  }
  for (const peer of peers) assert.equal(start(peer), READY, formatIpAddress(peer.address));
  const sumOfReasons = (): number => {
    let sum = 0;
    for (let i = 0; i < statistics.length; i++) {
      if (i !== RX_FRAMES && i !== TX_FRAMES && i !== RX_DATAGRAM_BYTES) sum += statistics[i]!;
    }
    return sum;
  };
  let before = { heap: 0, external: 0 };
  let sentInSecond = 0;
  let secondNs = clock.nanoTime;
  for (let i = 0; i < FRAMES; i++) {
    if (i === FRAMES / 4) before = memory();
    const frame = flood.next();
    const reasons = sumOfReasons();
    inject(frame);
    assert.notEqual(sumOfReasons(), reasons, `not counted after ${i}: ${frame.toString('hex')}`);
    clock.advanceNs(i < FRAMES / 2 ? FAST_INTERVAL_NS : SLOW_INTERVAL_NS);
    if (i % FRAMES_PER_ROUND > 0) continue;
    sentInSecond += exchange().length;
    const asking = peers[(i / FRAMES_PER_QUESTION) % PEERS];
    if (asking !== undefined) {
      inject(question(asking));
      assert.ok(
        exchange().some((sent) => isReply(sent, asking)),
        `no reply to ${formatIpAddress(asking.address)} after ${i}`,
      );
    }
    if (clock.nanoTime - secondNs >= 1e9) {
      assert.ok(sentInSecond <= SENT_PER_SECOND_MAX, `${sentInSecond} frames in a second`);
      sentInSecond = 0;
      secondNs = clock.nanoTime;
    }
    const peer = peers[(i / FRAMES_PER_ROUND) % PEERS]!;
    assert.equal(start(peer), READY, `${formatIpAddress(peer.address)} after ${i} frames`);
    (isFour(peer) ? stack : stack.ipv6!).addDatagram(device.memory.handle, 0, 0);
    const data = exchange().filter((sent) =>
      sent.toString('hex', isFour(peer) ? 34 : 54).startsWith('13880fa0'),
    );
    assert.deepEqual(
      data.map((sent) => sent.toString('hex', 0, 6)),
      [peer.mac],
    );
  }
  const after = memory();
  assert.ok(after.heap - before.heap < HEAP_GROWTH_MAX, `the heap grew by ${after.heap - before.heap} bytes`);
  assert.ok(after.external - before.external < HEAP_GROWTH_MAX, 'memory outside of it too');
  assert.equal(statistics[NEIGHBOURS_EVICTED], 0);
  assert.equal(statistics[NEIGHBOURS_MOVED], 0);
  for (const value of statistics) assert.ok(Number.isSafeInteger(value) && value >= 0);
  const silent = NET_STATISTICS.filter((_, index) => statistics[index] === 0);
  t.diagnostic(`never counted: ${silent.join(', ')}; datagrams ${datagrams}`);
  stack.close();
});

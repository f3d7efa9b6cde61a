/** Datagrams of IPv6 in pieces, and what is said of datagrams that did not arrive: RFC 8200, 5722, 6946, 6980 and 4443. */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { ICMPV6_CODES } from '../../src/net/icmp-errors.ts';
import { REASSEMBLY_TIMEOUT_NS, SLOTS } from '../../src/net/reassembly.ts';
import { READY } from '../../src/net/send-state.ts';
import { unreachableReport } from '../../src/transport/bypass/bypass-reports.ts';
import { formatIpAddress, parseIpAddress } from '../../src/util/ip-text.ts';
import { Prng } from '../../src/util/prng.ts';
import {
  fragments,
  OUR_ADDRESS,
  PEER_ADDRESS,
  PEER_MAC,
  receivedFrames,
  udpFrame,
} from '../support/frames.ts';
import {
  address6,
  fragment6,
  fragments6,
  icmpv6Frame,
  OUR_IPV6,
  PEER_IPV6,
  udp6Frame,
} from '../support/ipv6-frames.ts';
import { payloadOf, ReassemblyBench, wholeDatagram } from '../support/reassembly-bench.ts';

const SECOND_NS = 1e9;
const GROUP = 'ff15::aa:1';
const OURS = parseIpAddress(OUR_IPV6)!;
const PEER = parseIpAddress(PEER_IPV6)!;

let bench: ReassemblyBench;

beforeEach(() => {
  const ipv6 = { addresses: [{ address: OURS, prefixLength: 64 }], gatewayAddress: 0 };
  bench = new ReassemblyBench({ ipv6 });
  for (let tenth = 0; tenth < 20; tenth++) {
    bench.stack.flush();
    bench.clock.advanceNs(SECOND_NS / 10);
  }
  bench.stack.flush();
});

function delivered(payload: Buffer, source = PEER_IPV6, destination = OUR_IPV6): string {
  return wholeDatagram(payload, parseIpAddress(source)!, parseIpAddress(destination)!);
}

describe('a datagram of IPv6 in pieces', () => {
  test('is put together, however long, to us and to a group', () => {
    const longest = payloadOf(65_527, 1);
    bench.take(...fragments6(udp6Frame(longest), 1448));
    const other = payloadOf(2000, 2);
    bench.stack.joinGroup(parseIpAddress(GROUP)!);
    bench.take(...fragments6(udp6Frame(other, { destination: GROUP }), 1232, 2));
    assert.deepEqual(bench.whole, [delivered(longest), delivered(other, PEER_IPV6, GROUP)]);
    assert.equal(bench.count('ipv6Reassembled'), 2);
    assert.equal(bench.count('ipv6Fragments'), 46 + 2);
    assert.equal(bench.count('rxDatagrams'), 2);
    assert.equal(bench.count('ipv4Reassembled'), 0);
  });

  test('comes in any order, between pieces of others and of IPv4, and some pieces twice', () => {
    const datagram = fc.record({
      length: fc.integer({ min: 20, max: 6000 }),
      blocks: fc.integer({ min: 1, max: 180 }),
      source: fc.constantFrom('2001:db8::2', '2001:db8::3', 'fe80::4'),
      isIpv6: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(datagram, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 2 ** 30 }),
        (datagrams, seed) => {
          bench.whole = [];
          bench.clock.advanceNs(REASSEMBLY_TIMEOUT_NS);
          const pieces = datagrams.map(({ length, blocks, source, isIpv6 }, identification) => {
            const payload = payloadOf(length, identification);
            const pieceLength = 8 * Math.min(blocks, Math.max(1, (length >> 3) - 1));
            return isIpv6
              ? fragments6(udp6Frame(payload, { source }), pieceLength, identification)
              : fragments(udpFrame(payload, { identification }), pieceLength);
          });
          bench.takeInAnyOrder(pieces, new Prng(seed));
          const expected = datagrams.map(({ length, source, isIpv6 }, i) =>
            isIpv6
              ? delivered(payloadOf(length, i), source)
              : wholeDatagram(payloadOf(length, i), PEER_ADDRESS, OUR_ADDRESS),
          );
          assert.deepEqual(bench.whole.sort(), expected.sort());
        },
      ),
      { numRuns: 200 },
    );
  });

  test('is refused as a whole when pieces overlap, contradict each other or reach too far', () => {
    const frame = udp6Frame(payloadOf(4000, 3));
    const pieces = fragments6(frame, 1448);
    const data = (index: number): Buffer => pieces[index]!.subarray(62);
    const bad: Buffer[][] = [
      [pieces[0]!, fragment6(frame, data(1), 1440, false), pieces[1]!, pieces[2]!],
      [pieces[1]!, fragment6(frame, data(0), 8, true), pieces[0]!, pieces[2]!],
      [pieces[2]!, fragment6(frame, data(0), 4000, true), pieces[0]!, pieces[1]!],
      [pieces[2]!, fragment6(frame, data(0), 4800, false), pieces[0]!, pieces[1]!],
      [fragment6(frame, data(0), 65_528, true), ...pieces],
      [fragment6(frame, data(0).subarray(0, 7), 0, false), ...pieces],
      [fragment6(frame, Buffer.alloc(0), 0, false), ...pieces],
    ];
    for (const [i, frames] of bad.entries()) {
      bench.take(...frames);
      assert.deepEqual(bench.whole, [], `case ${i}`);
      assert.equal(bench.count('ipv6ReassembliesRefused'), i + 1, `case ${i}`);
      bench.clock.advanceNs(REASSEMBLY_TIMEOUT_NS);
    }
    bench.take(...pieces);
    assert.equal(bench.whole.length, 1);
  });

  test('is dropped when it comes out wrong, is not UDP, not for us, or its rest does not come', () => {
    const wrong = fragments6(udp6Frame(payloadOf(3000, 5)), 1448, 1);
    wrong[1]![200]! ^= 1;
    bench.take(
      ...wrong,
      ...fragments6(udp6Frame(payloadOf(3000, 6), { checksum: 0 }), 1448, 2),
      ...fragments6(icmpv6Frame(`8000 0000 0001 0002 ${'61'.repeat(2000)}`), 1448, 3),
      ...fragments6(udp6Frame(payloadOf(3000, 7), { destination: '2001:db8::5' }), 1448, 4),
      ...fragments6(udp6Frame(payloadOf(3000, 8), { source: '::' }), 1448, 5),
    );
    assert.equal(bench.count('udpChecksumWrong'), 2);
    assert.equal(bench.count('ipv6NotOurs'), 3);
    assert.equal(bench.count('ipv6SourceInvalid'), 3);
    assert.equal(bench.count('ipv6Fragments'), 3 + 3 + 2 + 3);
    const pieces = fragments6(udp6Frame(payloadOf(4000, 9)), 1448, 6);
    bench.take(pieces[0]!, pieces[1]!);
    bench.clock.advanceNs(REASSEMBLY_TIMEOUT_NS);
    bench.take(pieces[2]!);
    assert.equal(bench.count('ipv6ReassemblyTimeouts'), 1);
    assert.deepEqual(bench.whole, []);
  });

  test('shares its memory with those of IPv4: nothing grows, whoever sends first pieces', () => {
    const data = payloadOf(64, 1);
    for (let i = 0; i < 5000; i++) {
      const source = `2001:db8::${(i + 2).toString(16)}`;
      bench.take(fragment6(udp6Frame(data, { source }), data, 0, false, i));
    }
    assert.equal(bench.count('ipv6ReassembliesEvicted'), 5000 - SLOTS);
    const [first, last] = fragments(udpFrame(payloadOf(2000, 2)), 1480);
    bench.take(first!);
    assert.equal(bench.count('ipv6ReassembliesEvicted'), 5001 - SLOTS);
    bench.take(last!);
    assert.equal(bench.whole.length, 1);
    bench.stack.close();
  });
});

describe('what is said of datagrams of IPv6', () => {
  let unreachable: string[];

  beforeEach(() => {
    unreachable = [];
    bench.stack.unreachableListener = {
      onDatagramUnreachable: (code, address, mtu) => {
        unreachable.push(`${code} ${formatIpAddress(address)} ${mtu}`);
      },
    };
    const send = (): number => bench.stack.ipv6!.startDatagrams(OURS, PEER, 5000, 4000);
    send();
    const flags = '60000000';
    bench.take(icmpv6Frame(`8800 0000 ${flags} ${address6(PEER_IPV6)} 0201 ${PEER_MAC}`, { hopLimit: 255 }));
    assert.equal(send(), READY);
    bench.stack.flush();
    receivedFrames(bench.peer);
  });

  interface Quote {
    readonly source: string;
    readonly destination: string;
    readonly ports: string;
    readonly protocol: string;
    readonly length: number;
  }

  /** An error that quotes the start of a packet. */
  function error(start: string, quote: Partial<Quote> = {}): Buffer {
    const { source = OUR_IPV6, destination = PEER_IPV6, ports = '13880fa0', protocol = '11' } = quote;
    const length = (quote.length ?? 1440).toString(16).padStart(4, '0');
    const packet = `60000000 ${length} ${protocol} 40 ${address6(source)} ${address6(destination)}`;
    return icmpv6Frame(`${start} ${packet} ${ports} ${length} 0000`, { source: '2001:db8::fe' });
  }

  test('is told when it quotes what we sent, in the numbers of ICMP', () => {
    bench.take(
      error('0104 0000 00000000'),
      error('0200 0000 00000500'),
      error('0100 0000 00000000'),
      error('0101 0000 00000000', { length: 8 }),
    );
    assert.deepEqual(unreachable, [
      `3 ${PEER_IPV6} 0`,
      `4 ${PEER_IPV6} 1280`,
      `${ICMPV6_CODES} ${PEER_IPV6} 0`,
      `${ICMPV6_CODES + 1} ${PEER_IPV6} 0`,
    ]);
    assert.equal(bench.count('icmpPortUnreachable'), 1);
    assert.equal(bench.count('icmpFragmentationNeeded'), 1);
    assert.equal(bench.count('icmpUnreachable'), 2);
  });

  test('counts for nothing when somebody makes it up', () => {
    bench.take(
      error('0104 0000 00000000', { source: '2001:db8::77' }),
      error('0104 0000 00000000', { destination: '2001:db8::77' }),
      error('0104 0000 00000000', { ports: '13880fa1' }),
      error('0104 0000 00000000', { protocol: '06' }),
      error('0104 0000 00000000', { length: 9000 }),
      // Less than every network carries, what would have fitted, and nonsense.
      error('0200 0000 000004ff'),
      error('0200 0000 000005c8'),
      error('0200 0000 ffffffff'),
    );
    assert.deepEqual(unreachable, []);
    assert.equal(bench.count('icmpUnmatched'), 8);
    bench.take(
      icmpv6Frame('0104 0000 00000000 60000000'),
      icmpv6Frame(`0104 0000 00000000 ${'45'.repeat(48)}`),
    );
    assert.equal(bench.count('icmpv6Malformed'), 2);
    for (let i = 0; i < 1200; i++) bench.take(error('0104 0000 00000000'));
    assert.equal(bench.count('icmpPortUnreachable'), 1000 - 10);
    assert.equal(bench.count('icmpv6Ignored'), 210);
  });

  test('is said so that an operator can act on it', () => {
    assert.equal(unreachableReport(3, PEER, 0, 1500), '');
    assert.match(unreachableReport(4, PEER, 1280, 1500), /2001:db8::2 carries packets of 1280 .*mtu=1216/);
    assert.match(unreachableReport(ICMPV6_CODES + 1, PEER, 0, 1500), /2001:db8::2 .*ICMPv6 type 1, code 1/);
  });
});

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { REASSEMBLY_TIMEOUT_NS, SLOTS } from '../../src/net/reassembly.ts';
import { Prng } from '../../src/util/prng.ts';
import { fragments, ipv4Frame, OUR_ADDRESS, PEER_ADDRESS, udpFrame } from '../support/frames.ts';
import { payloadOf, ReassemblyBench, wholeDatagram } from '../support/reassembly-bench.ts';

const GROUP = 0xe0010203 | 0;
const GROUP_MAC = '01005e010203';

let bench: ReassemblyBench;

beforeEach(() => {
  bench = new ReassemblyBench();
});

function delivered(payload: Buffer, source = PEER_ADDRESS, destination = OUR_ADDRESS): string {
  return wholeDatagram(payload, source, destination);
}

describe('a datagram in pieces', () => {
  test('is put together, however long, with and without a checksum, to us and to a group', () => {
    const longest = payloadOf(65_507, 1);
    bench.take(...fragments(udpFrame(longest), 1480));
    const other = payloadOf(2000, 2);
    bench.take(...fragments(udpFrame(other, { checksum: false }), 1480));
    bench.stack.joinGroup(GROUP);
    bench.stack.groupListener = bench.listener;
    bench.take(...fragments(udpFrame(other, { destination: GROUP, destinationMac: GROUP_MAC }), 800));
    assert.deepEqual(bench.whole, [
      delivered(longest),
      delivered(other),
      delivered(other, PEER_ADDRESS, GROUP),
    ]);
    assert.equal(bench.count('ipv4Reassembled'), 3);
    assert.equal(bench.count('ipv4Fragments'), 45 + 2 + 3);
    assert.equal(bench.count('rxDatagrams'), 3);
  });

  test('comes in any order, between pieces of others, and some pieces twice', () => {
    const datagram = fc.record({
      length: fc.integer({ min: 1, max: 6000 }),
      blocks: fc.integer({ min: 1, max: 180 }),
      source: fc.integer({ min: PEER_ADDRESS, max: PEER_ADDRESS + 2 }),
    });
    fc.assert(
      fc.property(
        fc.array(datagram, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 2 ** 30 }),
        (datagrams, seed) => {
          bench.whole = [];
          bench.clock.advanceNs(REASSEMBLY_TIMEOUT_NS);
          const pieces = datagrams.map(({ length, blocks, source }, identification) => {
            const frame = udpFrame(payloadOf(length, identification), { source, identification });
            return fragments(frame, 8 * Math.min(blocks, Math.max(1, (length >> 3) - 1)));
          });
          bench.takeInAnyOrder(pieces, new Prng(seed));
          const expected = datagrams.map(({ length, source }, i) => delivered(payloadOf(length, i), source));
          assert.deepEqual(bench.whole.sort(), expected.sort());
        },
      ),
      { numRuns: 200 },
    );
  });

  test('is refused as a whole when pieces overlap, contradict each other or reach too far', () => {
    const pieces = fragments(udpFrame(payloadOf(4000, 3)), 1480);
    const moved = (piece: Buffer, fragment: number): Buffer =>
      ipv4Frame(17, piece.subarray(34), { fragment });
    const bad: Buffer[][] = [
      // Eight bytes too early; an end before what is there; two ends; beyond the end.
      [pieces[0]!, moved(pieces[1]!, 0x2000 | 184), pieces[1]!, pieces[2]!],
      [pieces[1]!, moved(pieces[0]!, 1), pieces[0]!, pieces[2]!],
      [pieces[2]!, moved(pieces[0]!, 500), pieces[0]!, pieces[1]!],
      [pieces[2]!, moved(pieces[0]!, 0x2000 | 600), pieces[0]!, pieces[1]!],
      // Beyond the longest packet; not in blocks; empty.
      [moved(pieces[0]!, 8100), ...pieces],
      [moved(pieces[0]!.subarray(0, 41), 0x2000), ...pieces],
      [moved(pieces[0]!.subarray(0, 34), 0x2000), ...pieces],
    ];
    for (const [i, frames] of bad.entries()) {
      bench.take(...frames);
      assert.deepEqual(bench.whole, [], `case ${i}`);
      assert.equal(bench.count('ipv4ReassembliesRefused'), i + 1, `case ${i}`);
      bench.clock.advanceNs(REASSEMBLY_TIMEOUT_NS);
    }
    assert.equal(bench.count('ipv4ReassemblyTimeouts'), 0, 'refused is counted once');
    bench.take(...pieces);
    assert.equal(bench.whole.length, 1);
  });

  test('is forgotten when the rest does not come in time', () => {
    const payload = payloadOf(4000, 4);
    const pieces = fragments(udpFrame(payload), 1480);
    bench.take(pieces[0]!, pieces[1]!);
    bench.clock.advanceNs(REASSEMBLY_TIMEOUT_NS);
    bench.take(pieces[2]!);
    assert.deepEqual(bench.whole, []);
    assert.equal(bench.count('ipv4ReassemblyTimeouts'), 1);
    bench.take(pieces[0]!, pieces[1]!);
    assert.deepEqual(bench.whole, [delivered(payload)]);
  });

  test('is dropped when it is not UDP, is not for us, or comes out wrong', () => {
    const wrong = fragments(udpFrame(payloadOf(3000, 5)), 1480);
    wrong[1]![100]! ^= 1;
    const tooLong = udpFrame(payloadOf(3000, 5), { identification: 9, checksum: false });
    tooLong.writeUInt16BE(4000, 38);
    bench.take(
      ...wrong,
      ...fragments(tooLong, 1480),
      ...fragments(ipv4Frame(1, payloadOf(3000, 6)), 1480),
      ...fragments(udpFrame(payloadOf(3000, 7), { destination: OUR_ADDRESS + 5 }), 1480),
    );
    assert.deepEqual(bench.whole, []);
    assert.equal(bench.count('udpChecksumWrong'), 1);
    assert.equal(bench.count('udpMalformed'), 1);
    assert.equal(bench.count('ipv4NotOurs'), 3);
    assert.equal(bench.count('ipv4Fragments'), 3 + 3 + 3);
  });
});

describe('the memory for pieces', () => {
  test('is all there is: a flood of first pieces takes the place of the oldest, nothing grows', () => {
    const [first] = fragments(udpFrame(payloadOf(3000, 8)), 1480);
    for (let i = 0; i < 10_000; i++) {
      bench.take(
        ipv4Frame(17, first!.subarray(34), {
          fragment: 0x2000,
          source: 0x0a000000 + (i % 200) + 2,
          identification: i,
        }),
      );
    }
    assert.equal(bench.count('ipv4ReassembliesEvicted'), 10_000 - SLOTS);
    const payload = payloadOf(3000, 9);
    bench.take(...fragments(udpFrame(payload), 1480));
    assert.deepEqual(bench.whole, [delivered(payload)], 'who is quick gets through');
  });

  test('is not one source’s alone: who has half of it displaces itself', () => {
    const payload = payloadOf(3000, 10);
    const pieces = fragments(udpFrame(payload), 1480);
    bench.take(pieces[0]!);
    for (let i = 0; i < 1000; i++) {
      bench.clock.advanceNs(1000);
      bench.take(
        ipv4Frame(17, payloadOf(64, i), { fragment: 0x2000, source: 0x0a000063, identification: i }),
      );
    }
    bench.take(...pieces.slice(1));
    assert.deepEqual(bench.whole, [delivered(payload)]);
    assert.equal(bench.count('ipv4ReassembliesEvicted'), 1000 - SLOTS / 2);
  });

  test('holds a burst of whole datagrams until the next burst', () => {
    const frames: Buffer[] = [];
    for (let i = 0; i < 40; i++) {
      frames.push(...fragments(udpFrame(payloadOf(100, i), { identification: i }), 64));
    }
    bench.take(...frames);
    assert.equal(bench.whole.length, 40);
    assert.equal(new Set(bench.whole).size, 40);
  });
});

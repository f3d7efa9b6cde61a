import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { ReceiveTimestamps } from '../../src/driver/receiver/receive-timestamps.ts';
import type { SendRoute } from '../../src/driver/sender/send-endpoint.ts';
import { TimestampingRoute } from '../../src/driver/sender/timestamping-route.ts';
import { Region } from '../../src/memory/region.ts';
import { DatagramBurst } from '../../src/transport/transport.ts';
import { ConductorBench, only } from '../support/conductor-bench.ts';

const BEGIN_AND_END = 0xc0;
const END = 0x40;
const DATA = 1;
const PAD = 0;
const HEADER = 32;
const EPOCH_MS = 1_700_000_000_000;
const EPOCH_NS = BigInt(EPOCH_MS) * 1_000_000n;

/** Writes a frame of zeros at `offset`; returns where the next one starts. */
function frame(region: Region, offset: number, payloadLength: number, flags: number, type: number): number {
  region.bytes.fill(0, offset, offset + HEADER + payloadLength);
  region.view.setInt32(offset, HEADER + payloadLength, true);
  region.view.setUint8(offset + 5, flags);
  region.view.setUint16(offset + 6, type, true);
  return offset + Math.ceil((HEADER + payloadLength) / 32) * 32;
}

test('what arrives gets its times where messages begin and are long enough', () => {
  const region = Region.allocate(4096);
  const first = 8;
  const second = frame(region, first, 40, BEGIN_AND_END, DATA);
  const short = frame(region, second, 40, END, DATA);
  const padding = frame(region, short, 15, BEGIN_AND_END, DATA);
  const end = frame(region, padding, 32, BEGIN_AND_END, PAD);
  const seen: number[][] = [];
  const stamps = new ReceiveTimestamps(
    { onDatagram: (_region, offset, length, address, port) => seen.push([offset, length, address, port]) },
    new SimulatedClock(0, EPOCH_MS),
    { mediaReceive: 8, channelReceive: -8, channelSend: -1 },
  );
  stamps.mediaTime.low = 0x55667788;
  stamps.mediaTime.high = 0x11223344;
  stamps.onDatagram(region, first, end - first, 1, 2);

  assert.deepEqual(seen, [[first, end - first, 1, 2]]);
  const at = (offset: number): bigint => region.view.getBigInt64(offset, true);
  assert.equal(at(first + 24), EPOCH_NS);
  assert.equal(at(first + HEADER + 8), 0x1122334455667788n);
  assert.equal(at(first + HEADER), 0n, 'nothing else changes');
  assert.equal(at(second + 24), 0n, 'a fragment that begins nothing');
  assert.equal(at(short + 24), EPOCH_NS);
  assert.equal(at(short + HEADER + 8), 0n, 'too short for that time');
  assert.equal(at(padding + 24), 0n);
});

test('a time the transport does not know is that of the receiver', () => {
  const region = Region.allocate(128);
  frame(region, 0, 8, BEGIN_AND_END, DATA);
  const next = { onDatagram: () => {} };
  const offsets = { mediaReceive: 0, channelReceive: -1, channelSend: -1 };
  new ReceiveTimestamps(next, new SimulatedClock(0, EPOCH_MS), offsets).onDatagram(region, 0, 40, 1, 2);
  assert.equal(region.view.getBigInt64(HEADER, true), EPOCH_NS);
});

test('datagrams that lie about their frames change nothing outside of them', () => {
  const region = Region.allocate(512);
  const next = { onDatagram: () => {} };
  const offsets = { mediaReceive: 400, channelReceive: -8, channelSend: -1 };
  const stamps = new ReceiveTimestamps(next, new SimulatedClock(0, EPOCH_MS), offsets);
  for (const claimed of [-1, 0, 31, 33, 480, 2147483647]) {
    for (let length = 0; length <= 64; length++) {
      frame(region, 128, 0, BEGIN_AND_END, DATA);
      region.view.setInt32(128, claimed, true);
      const before = Buffer.from(region.bytes);
      stamps.onDatagram(region, 128, length, 1, 2);
      assert.deepEqual(region.bytes.subarray(0, 128), before.subarray(0, 128));
      assert.deepEqual(region.bytes.subarray(128 + length), before.subarray(128 + length));
    }
  }
});

test('what is sent gets its time in the message at the start of each datagram', () => {
  const log = Region.allocate(4096);
  const second = frame(log, 0, 32, BEGIN_AND_END, DATA);
  const third = frame(log, second, 32, BEGIN_AND_END, DATA);
  const end = frame(log, third, 32, END, DATA);
  const burst = new DatagramBurst();
  burst.add(log.handle, 0, third);
  burst.add(log.handle, third, end - third);
  const next = { frames: null, coalescedLengthMax: 7, send: () => 2 } as unknown as SendRoute;
  const route = new TimestampingRoute(next, new SimulatedClock(0, EPOCH_MS), log.view, -8);
  assert.equal(route.coalescedLengthMax, 7);
  assert.equal(route.send(burst), 2);
  assert.deepEqual(
    [0, second, third].map((offset) => log.view.getBigInt64(offset + 24, true)),
    [EPOCH_NS, 0n, 0n],
  );
});

const UDP = 'aeron:udp?endpoint=127.0.0.1:24325';
const SUBSCRIBE = { type: 'addSubscription', registrationCorrelationId: -1, streamId: 10 } as const;
const PUBLISH = { type: 'addPublication', streamId: 10 } as const;

test('should tell the network agent where timestamps go, and nothing when there are none', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ ...PUBLISH, channel: `${UDP}|channel-snd-ts-offset=reserved` });
  bench.call({ ...SUBSCRIBE, channel: `${UDP}|media-rcv-ts-offset=0|channel-rcv-ts-offset=8` });
  bench.call({ ...PUBLISH, channel: 'aeron:udp?endpoint=127.0.0.1:24326' });
  const offsets = bench.network.commands.flatMap((command) =>
    command.kind === 'addNetworkPublication' ? [command.publication.timestampOffset] : [],
  );
  assert.deepEqual(offsets, [-8, undefined]);
  const receive = bench.network.commands.find(({ kind }) => kind === 'addReceiveEndpoint');
  assert.deepEqual('receiver' in receive! && receive.receiver.timestamps, {
    mediaReceive: 0,
    channelReceive: 8,
    channelSend: -1,
  });
});

test('should refuse timestamps that cannot be, that overlap, or that others of the endpoint do not have', (t) => {
  const bench = new ConductorBench(t);
  const refusal = (request: typeof PUBLISH | typeof SUBSCRIBE, channel: string): [number, string] => {
    const { errorCode, message } = only(bench.call({ ...request, channel }).events, 'error');
    return [errorCode, message];
  };
  const invalid = `${UDP}|channel-rcv-ts-offset=soon`;
  assert.deepEqual(refusal(SUBSCRIBE, invalid), [
    ErrorCode.INVALID_CHANNEL,
    `channel-rcv-ts-offset=soon: timestamp offset must be a valid integer or the 'reserved' keyword, channel=${invalid}`,
  ]);
  const overlapping = `${UDP}|media-rcv-ts-offset=8|channel-snd-ts-offset=15`;
  assert.deepEqual(refusal(PUBLISH, overlapping), [
    ErrorCode.INVALID_CHANNEL,
    `media-rcv-ts-offset and channel-snd-ts-offset overlap, channel=${overlapping}`,
  ]);
  bench.call({ ...SUBSCRIBE, channel: UDP });
  const other = `${UDP}|channel-rcv-ts-offset=reserved`;
  assert.deepEqual(refusal(SUBSCRIBE, other), [
    ErrorCode.GENERIC_ERROR,
    `option conflicts with existing subscription: channel-rcv-ts-offset=-8 existingChannel=${UDP} channel=${other}`,
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { Region } from '../../src/memory/region.ts';
import { shm } from '../../src/native/addons.ts';
import type { FaultRates } from '../../src/transport/fault-direction.ts';
import { FaultInjectingTransport } from '../../src/transport/fault-injecting-transport.ts';
import {
  type BurstListener,
  DatagramBurst,
  type DatagramHandler,
  type Endpoint,
  type EndpointOptions,
  type Transport,
  WORDS_PER_DATAGRAM,
} from '../../src/transport/transport.ts';

/**
 * A transport that takes every liberty the seam allows: it reads sent bytes as late as the end of flush, and spoils
 * packet memory as soon as a burst has ended.
 */
class StrictTransport implements Transport {
  readonly maxDatagramLength = 65507;
  readonly coalescedLengthMax = 0;
  readonly sent: number[] = [];
  readonly arriving: number[] = [];
  /** Datagrams that the next send accepts at most. */
  room = DatagramBurst.CAPACITY;
  private readonly queued: { handle: number; offset: number; length: number }[] = [];
  private readonly packets = Region.allocate(4096);
  private handler: DatagramHandler | null = null;

  open(options: EndpointOptions, handler: DatagramHandler): Endpoint {
    this.handler = handler;
    const { localAddress, localPort, receiveBufferLength } = options;
    return { localAddress, localPort, receiveBufferLength, reconnect() {}, close() {} };
  }

  poll(listener: BurstListener): number {
    const count = this.arriving.length;
    if (count === 0) return 0;
    for (let i = 0; i < count; i++) {
      this.packets.i32[i] = this.arriving[i]!;
      this.handler!.onDatagram(this.packets, i * 4, 4, 7, 8);
    }
    this.arriving.length = 0;
    listener.onBurstEnd();
    this.packets.i32.fill(-1);
    return count;
  }

  send(_endpoint: Endpoint, burst: DatagramBurst): number {
    const count = Math.min(burst.count, this.room);
    for (let i = 0; i < count; i++) {
      const at = i * WORDS_PER_DATAGRAM;
      this.queued.push({
        handle: burst.words[at]!,
        offset: burst.words[at + 1]!,
        length: burst.words[at + 2]!,
      });
    }
    return count;
  }

  flush(): void {
    const id = new Int32Array(1);
    for (const { handle, offset, length } of this.queued) {
      assert.equal(length, 4);
      shm.copyOut(handle, offset, id, 0, 4);
      this.sent.push(id[0]!);
    }
    this.queued.length = 0;
  }

  close(): void {
    this.packets.close();
  }
}

const ENDPOINT: EndpointOptions = {
  localAddress: 1,
  localPort: 2,
  remoteAddress: 0,
  remotePort: 0,
  receiveBufferLength: 3,
  sendBufferLength: 0,
};
const NO_FAULTS: FaultRates = { drop: 0, duplicate: 0, delay: 0 };
const DELAY_NS_MAX = 1000;
const LATER_NS = 1e9;

const anyRates = fc.tuple(fc.double({ min: 0, max: 0.34, noNaN: true }), fc.nat({ max: 3 })).map(
  ([rate, kinds]): FaultRates => ({
    drop: rate,
    duplicate: kinds & 1 ? rate : 0,
    delay: kinds & 2 ? rate : 0,
  }),
);
const anySeed = fc.integer();
/** Lengths of bursts, what the network accepts of each at once, and the time that passes after it. */
const anyBursts = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 0, max: 64 }), fc.nat({ max: 700 })),
  { maxLength: 12 },
);

/** Sends ids 0, 1, 2 … in bursts, trying again what is refused. Returns what the network got in the end. */
function sendAll(seed: number, rates: FaultRates, bursts: [number, number, number][]) {
  const inner = new StrictTransport();
  const clock = new SimulatedClock(0);
  const transport = new FaultInjectingTransport(inner, clock, {
    seed,
    inbound: NO_FAULTS,
    outbound: rates,
    delayNsMax: DELAY_NS_MAX,
  });
  const endpoint = transport.open(ENDPOINT, { onDatagram() {} });
  const data = Region.allocate(DatagramBurst.CAPACITY * 4);
  const burst = new DatagramBurst();
  let nowNs = 0;
  let id = 0;
  for (const [length, room, pauseNs] of bursts) {
    let left = length;
    inner.room = room;
    while (left > 0) {
      burst.clear();
      for (let i = 0; i < left; i++) {
        data.i32[i] = id + i;
        burst.add(data.handle, i * 4, 4);
      }
      const accepted = transport.send(endpoint, burst, 5, 6);
      id += accepted;
      left -= accepted;
      inner.room = DatagramBurst.CAPACITY;
      clock.nanoTime = nowNs;
      transport.flush();
    }
    nowNs += pauseNs;
  }
  data.i32.fill(-1);
  clock.nanoTime = nowNs + LATER_NS;
  transport.flush();
  const { droppedCount, duplicatedCount, delayedCount } = transport.outbound;
  transport.close();
  data.close();
  return { count: id, sent: inner.sent, droppedCount, duplicatedCount, delayedCount };
}

/** Lets ids 0, 1, 2 … arrive in bursts. Returns what the handler saw in the end. */
function receiveAll(seed: number, rates: FaultRates, bursts: [number, number, number][]) {
  const inner = new StrictTransport();
  const clock = new SimulatedClock(0);
  const transport = new FaultInjectingTransport(inner, clock, {
    seed,
    inbound: rates,
    outbound: NO_FAULTS,
    delayNsMax: DELAY_NS_MAX,
  });
  const received: number[] = [];
  let pending: { region: Region; offset: number }[] = [];
  transport.open(ENDPOINT, {
    onDatagram(region, offset, length, address, port) {
      assert.deepEqual([length, address, port], [4, 7, 8]);
      pending.push({ region, offset });
    },
  });
  const listener: BurstListener = {
    onBurstEnd() {
      for (const { region, offset } of pending) received.push(region.view.getInt32(offset, true));
      pending = [];
    },
  };
  let nowNs = 0;
  let id = 0;
  for (const [length, , pauseNs] of bursts) {
    for (let i = 0; i < length; i++) inner.arriving.push(id++);
    transport.poll(listener);
    nowNs += pauseNs;
    clock.nanoTime = nowNs;
    transport.flush();
  }
  clock.nanoTime = nowNs + LATER_NS;
  transport.flush();
  transport.poll(listener);
  assert.equal(pending.length, 0, 'every datagram is followed by the end of its burst');
  const { droppedCount, duplicatedCount, delayedCount } = transport.inbound;
  transport.close();
  return { count: id, sent: received, droppedCount, duplicatedCount, delayedCount };
}

for (const [name, run] of [
  ['sent', sendAll],
  ['received', receiveAll],
] as const) {
  test(`datagrams ${name} all come through whole, but for those counted as dropped or duplicated`, () => {
    fc.assert(
      fc.property(anySeed, anyRates, anyBursts, (seed, rates, bursts) => {
        const { count, sent, droppedCount, duplicatedCount } = run(seed, rates, bursts);
        const distinct = new Set(sent);
        assert.ok(sent.every((id) => id >= 0 && id < count));
        assert.equal(distinct.size, count - droppedCount);
        assert.equal(sent.length, distinct.size + duplicatedCount);
      }),
    );
  });

  test(`datagrams ${name} suffer the same with the same seed`, () => {
    fc.assert(
      fc.property(anySeed, anyRates, anyBursts, (seed, rates, bursts) => {
        assert.deepEqual(run(seed, rates, bursts), run(seed, rates, bursts));
      }),
      { numRuns: 30 },
    );
  });

  test(`datagrams ${name} without faults keep their order`, () => {
    fc.assert(
      fc.property(anySeed, anyBursts, (seed, bursts) => {
        const { count, sent } = run(seed, NO_FAULTS, bursts);
        assert.deepEqual(
          sent,
          Array.from({ length: count }, (_, i) => i),
        );
      }),
    );
  });

  test(`datagrams ${name} suffer each fault about as often as asked`, () => {
    const bursts = Array.from({ length: 400 }, (): [number, number, number] => [50, 64, 700]);
    const rates: FaultRates = { drop: 0.2, duplicate: 0.05, delay: 0.1 };
    const { count, sent, droppedCount, duplicatedCount, delayedCount } = run(20_000, rates, bursts);
    const near = (actual: number, rate: number) =>
      assert.ok(Math.abs(actual / count - rate) < 0.015, `${actual} of ${count} for ${rate}`);
    near(droppedCount, 0.2);
    near(duplicatedCount, 0.05);
    near(delayedCount, 0.1);
    assert.ok(
      sent.some((id, i) => i > 0 && id < sent[i - 1]!),
      'some are out of order',
    );
  });

  test(`more datagrams ${name} late than there are slots are dropped`, () => {
    const { sent, droppedCount, delayedCount } = run(1, { drop: 0, duplicate: 0, delay: 1 }, [
      [60, 64, 0],
      [60, 64, 0],
    ]);
    assert.equal(delayedCount, 64);
    assert.equal(droppedCount, 56);
    assert.equal(new Set(sent).size, 64);
  });
}

test('a closed endpoint gets none of the datagrams held back for it', () => {
  const inner = new StrictTransport();
  const clock = new SimulatedClock(0);
  const delay: FaultRates = { drop: 0, duplicate: 0, delay: 1 };
  const transport = new FaultInjectingTransport(inner, clock, {
    seed: 1,
    inbound: delay,
    outbound: delay,
    delayNsMax: DELAY_NS_MAX,
  });
  const endpoint = transport.open(ENDPOINT, {
    onDatagram() {
      assert.fail('the endpoint is closed');
    },
  });
  const listener: BurstListener = { onBurstEnd() {} };
  inner.arriving.push(1, 2, 3);
  transport.poll(listener);
  const burst = new DatagramBurst();
  const data = Region.allocate(4);
  burst.add(data.handle, 0, 4);
  transport.send(endpoint, burst, 5, 6);
  endpoint.close();
  clock.nanoTime = LATER_NS;
  transport.flush();
  assert.equal(transport.poll(listener), 0);
  assert.deepEqual(inner.sent, []);
  transport.close();
  data.close();
});

test('rates of 0 heal the network', () => {
  const inner = new StrictTransport();
  const clock = new SimulatedClock(0);
  const drop: FaultRates = { drop: 1, duplicate: 0, delay: 0 };
  const transport = new FaultInjectingTransport(inner, clock, {
    seed: 1,
    inbound: drop,
    outbound: drop,
    delayNsMax: 0,
  });
  let count = 0;
  transport.open(ENDPOINT, { onDatagram: () => count++ });
  inner.arriving.push(1, 2, 3);
  transport.poll({ onBurstEnd() {} });
  assert.equal(count, 0);
  transport.inbound.rates = NO_FAULTS;
  inner.arriving.push(4, 5);
  transport.poll({ onBurstEnd() {} });
  assert.equal(count, 2);
  transport.close();
});

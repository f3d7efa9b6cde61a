import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AtomicCounter } from '../../src/concurrent/atomic-counter.ts';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { loadConfiguration } from '../../src/driver/configuration.ts';
import type { FlowControl } from '../../src/driver/flow/flow-control.ts';
import { groupFlowControl, unicastFlowControl } from '../../src/driver/flow/flow-control-uri.ts';
import { MaxFlowControl } from '../../src/driver/flow/max-flow-control.ts';
import { MinFlowControl, type MinFlowControlOptions } from '../../src/driver/flow/min-flow-control.ts';
import { StatusMessage } from '../../src/driver/flow/status-message.ts';
import { groupTagOf } from '../../src/driver/group-tag.ts';
import { PositionCounter } from '../../src/driver/position-counter.ts';
import { Region } from '../../src/memory/region.ts';
import {
  addGroupTag,
  STATUS_MESSAGE_FLAG_EOS,
  writeStatusMessage,
} from '../../src/protocol/status-message-frame.ts';
import { Prng } from '../../src/util/prng.ts';

const WINDOW = 2000;
const TIMEOUT_NS = 5e9;
const TERM_LENGTH = 1 << 30;

const values = Region.allocate(256);
const scratch = Region.allocate(64);

interface Receiver {
  readonly id: number;
  readonly position: number;
  readonly windowLength?: number;
  readonly isEndOfStream?: boolean;
  readonly tag?: bigint;
}

function statusMessage({ id, position, windowLength = WINDOW, isEndOfStream, tag }: Receiver): StatusMessage {
  const flags = isEndOfStream === true ? STATUS_MESSAGE_FLAG_EOS : 0;
  writeStatusMessage(scratch.view, 0, flags, 1, 2, 9, position, windowLength, id, -id);
  if (tag !== undefined) addGroupTag(scratch.view, 0, groupTagOf(tag).low, groupTagOf(tag).high);
  const message = new StatusMessage();
  message.read(scratch.view, 0, 9, TERM_LENGTH);
  return message;
}

/** A strategy with the sender limit that it moves. */
class Bench {
  readonly clock = new SimulatedClock();
  readonly limit = new PositionCounter(values, 0, 0);
  readonly receivers = new AtomicCounter(values, 0, 1);
  readonly flowControl: FlowControl;

  constructor(options: Partial<MinFlowControlOptions> | null = {}) {
    this.receivers.set(0);
    this.limit.value = 0;
    this.flowControl =
      options === null
        ? new MaxFlowControl(this.limit)
        : new MinFlowControl(this.limit, this.clock, this.receivers, {
            groupTag: null,
            groupMinSize: 0,
            receiverTimeoutNs: TIMEOUT_NS,
            ...options,
          });
  }

  /** The limit after a status message. */
  on(receiver: Receiver): number {
    this.flowControl.onStatusMessage(statusMessage(receiver));
    return this.limit.value;
  }

  /** The limit after an idle cycle at a later time. */
  idle(afterNs = 0): number {
    this.clock.advanceNs(afterNs);
    this.flowControl.onIdle();
    return this.limit.value;
  }
}

test('max follows the fastest receiver and never goes back', () => {
  const bench = new Bench(null);
  assert.equal(bench.on({ id: 1, position: 0 }), WINDOW);
  assert.equal(bench.on({ id: 2, position: 5000 }), 5000 + WINDOW);
  assert.equal(bench.on({ id: 1, position: 1000 }), 5000 + WINDOW);
  assert.equal(bench.idle(60e9), 5000 + WINDOW);
  assert.equal(bench.flowControl.hasRequiredReceivers, true);
});

test('min follows the slowest receiver', () => {
  const bench = new Bench();
  assert.equal(bench.on({ id: 1, position: 0 }), WINDOW);
  assert.equal(bench.on({ id: 2, position: 0 }), WINDOW);
  assert.equal(bench.on({ id: 1, position: 1000 }), WINDOW);
  assert.equal(bench.on({ id: 2, position: 500 }), 500 + WINDOW);
  assert.equal(bench.on({ id: 2, position: 1500 }), 1000 + WINDOW);
  assert.equal(bench.receivers.get(), 2);
});

test('min lets go of a receiver that is silent for the timeout', () => {
  const bench = new Bench();
  bench.on({ id: 1, position: 0 });
  bench.on({ id: 2, position: 0 });
  bench.clock.advanceNs(TIMEOUT_NS);
  bench.on({ id: 2, position: 1500 });
  assert.equal(bench.idle(), WINDOW, 'a receiver heard of exactly the timeout ago counts');
  assert.equal(bench.idle(1), 1500 + WINDOW);
  assert.equal(bench.receivers.get(), 1);
});

test('min lets go of a receiver that leaves or rejects the stream in the next idle cycle', () => {
  const bench = new Bench();
  for (const id of [1, 2, 3]) bench.on({ id, position: 0 });
  bench.on({ id: 1, position: 1000 });
  assert.equal(bench.on({ id: 2, position: 0, isEndOfStream: true }), WINDOW);
  bench.flowControl.onError(3, -3);
  assert.equal(bench.idle(), 1000 + WINDOW);
  assert.equal(bench.receivers.get(), 1);
  assert.equal(bench.on({ id: 7, position: 1000, isEndOfStream: true }), 1000 + WINDOW);
  assert.equal(bench.receivers.get(), 1, 'who leaves is not taken in');
});

test('min does not wait for a newcomer that is more than a window behind the slowest', () => {
  const bench = new Bench();
  bench.on({ id: 1, position: 10_000 });
  bench.on({ id: 2, position: 10_000 - WINDOW - 1 });
  assert.equal(bench.receivers.get(), 1);
  bench.on({ id: 2, position: 10_000 - WINDOW });
  assert.equal(bench.receivers.get(), 2);
  assert.equal(bench.limit.value, 10_000 + WINDOW, 'a status message never takes the limit back');
  assert.equal(bench.idle(), 10_000, 'an idle cycle does');
});

test('a group is complete when it has its receivers, and the limit waits for that', () => {
  const bench = new Bench({ groupMinSize: 2 });
  assert.equal(bench.flowControl.hasRequiredReceivers, false);
  assert.equal(bench.on({ id: 1, position: 0 }), 0);
  assert.equal(bench.flowControl.hasRequiredReceivers, false);
  assert.equal(bench.on({ id: 2, position: 0 }), WINDOW);
  assert.equal(bench.flowControl.hasRequiredReceivers, true);
  bench.clock.advanceNs(TIMEOUT_NS);
  bench.on({ id: 2, position: 100 });
  assert.equal(bench.idle(1), WINDOW);
  assert.equal(bench.flowControl.hasRequiredReceivers, false);
});

test('tagged waits for receivers with the tag, and without any goes on with others', () => {
  const bench = new Bench({ groupTag: groupTagOf(-5_000_000_000n) });
  assert.equal(bench.on({ id: 1, position: 0, tag: 5n }), WINDOW);
  assert.equal(bench.on({ id: 2, position: 100 }), 100 + WINDOW);
  assert.equal(bench.receivers.get(), 0);
  assert.equal(bench.on({ id: 3, position: 0, tag: -5_000_000_000n }), 100 + WINDOW);
  assert.equal(bench.receivers.get(), 1);
  assert.equal(bench.on({ id: 2, position: 5000 }), 100 + WINDOW);
  assert.equal(bench.on({ id: 3, position: 200, tag: -5_000_000_000n }), 200 + WINDOW);
});

test('the limit stands still from a setup until the receiver that asked for it has come', () => {
  const bench = new Bench();
  bench.on({ id: 1, position: 0 });
  bench.flowControl.onSetup();
  bench.on({ id: 1, position: 500 });
  assert.equal(bench.limit.value, 500 + WINDOW, 'nobody had asked');
  bench.flowControl.onSetupElicited(statusMessage({ id: 2, position: 0 }));
  bench.flowControl.onSetup();
  assert.equal(bench.on({ id: 1, position: 1500 }), 500 + WINDOW);
  assert.equal(bench.idle(), 500 + WINDOW);
  bench.on({ id: 2, position: 500 });
  assert.equal(bench.idle(), 500 + WINDOW);
  assert.equal(bench.on({ id: 2, position: 1500 }), 1500 + WINDOW);
});

test('nobody waits for a newcomer longer than the timeout', () => {
  const bench = new Bench();
  bench.on({ id: 1, position: 0 });
  bench.flowControl.onSetupElicited(statusMessage({ id: 2, position: 0 }));
  bench.flowControl.onSetup();
  bench.clock.advanceNs(TIMEOUT_NS);
  assert.equal(bench.on({ id: 1, position: 1500 }), WINDOW);
  bench.clock.advanceNs(1);
  assert.equal(bench.on({ id: 1, position: 1500 }), 1500 + WINDOW);
});

test('forged receiver ids cannot grow the table', () => {
  const bench = new Bench();
  for (let id = 0; id < 2000; id++) bench.on({ id, position: 0 });
  assert.equal(bench.receivers.get(), 1024);
});

/** What min and tagged are meant to do, said plainly. */
class NaiveMin {
  limit = 0;
  readonly receivers = new Map<number, { limit: number; timeNs: number; isLeaving: boolean }>();
  private setup = { limit: Number.POSITIVE_INFINITY, timeNs: Number.NaN };
  private isElicited = false;
  private readonly tag: bigint | null;
  private readonly minSize: number;

  constructor(tag: bigint | null, minSize: number) {
    this.tag = tag;
    this.minSize = minSize;
  }

  private minimum(nowNs: number): number {
    const held = nowNs > this.setup.timeNs + TIMEOUT_NS ? Number.POSITIVE_INFINITY : this.setup.limit;
    return Math.min(held, ...[...this.receivers.values()].map(({ limit }) => limit));
  }

  on({ id, position, windowLength = WINDOW, isEndOfStream = false, tag }: Receiver, nowNs: number): void {
    const limit = position + windowLength;
    const isInGroup = this.tag === null || this.tag === tag;
    const known = isInGroup ? this.receivers.get(id) : undefined;
    if (known !== undefined) Object.assign(known, { limit, timeNs: nowNs, isLeaving: isEndOfStream });
    let minimum = this.minimum(nowNs);
    const isNear = this.receivers.size === 0 || limit >= minimum - windowLength;
    if (isInGroup && known === undefined && !isEndOfStream && isNear) {
      this.receivers.set(id, { limit, timeNs: nowNs, isLeaving: false });
      this.setup.limit = Number.POSITIVE_INFINITY;
      minimum = Math.min(minimum, limit);
    }
    if (this.receivers.size < this.minSize) return;
    this.limit = Math.max(this.limit, this.receivers.size === 0 ? limit : minimum);
  }

  idle(nowNs: number): void {
    for (const [id, { timeNs, isLeaving }] of this.receivers) {
      if (isLeaving || timeNs + TIMEOUT_NS < nowNs) this.receivers.delete(id);
    }
    if (this.receivers.size > 0 && this.receivers.size >= this.minSize) this.limit = this.minimum(nowNs);
  }

  elicit(tag: bigint | undefined): void {
    if (this.tag === null || this.tag === tag) this.isElicited = true;
  }

  onSetup(nowNs: number): void {
    if (this.isElicited && this.receivers.size > 0) this.setup = { limit: this.limit, timeNs: nowNs };
    this.isElicited = false;
  }

  onError(id: number): void {
    const receiver = this.receivers.get(id);
    if (receiver !== undefined) receiver.isLeaving = true;
  }
}

for (const [tag, minSize] of [
  [null, 0],
  [null, 3],
  [7n, 0],
  [7n, 2],
] as const) {
  test(`min agrees with a naive model: tag ${tag}, at least ${minSize} receivers`, () => {
    const seed = (Math.random() * 2 ** 31) | 0;
    const prng = new Prng(seed);
    const bench = new Bench({ groupTag: tag === null ? null : groupTagOf(tag), groupMinSize: minSize });
    const naive = new NaiveMin(tag, minSize);
    let base = 0;
    for (let step = 0; step < 20_000; step++) {
      bench.clock.advanceNs(prng.nextBelow(2e8));
      const nowNs = bench.clock.nanoTime;
      const id = prng.nextBelow(6);
      const receiver: Receiver = {
        id,
        position: Math.max(0, base + 32 * (prng.nextBelow(200) - 100)),
        windowLength: 1000 * (1 + prng.nextBelow(3)),
        isEndOfStream: prng.nextBelow(20) === 0,
        ...(prng.nextBelow(2) === 0 ? { tag: BigInt(7 + prng.nextBelow(2)) } : {}),
      };
      base += (prng.nextBelow(500) >> 3) << 3;
      switch (prng.nextBelow(10)) {
        case 0:
          bench.idle();
          naive.idle(nowNs);
          break;
        case 1:
          bench.flowControl.onSetupElicited(statusMessage(receiver));
          naive.elicit(receiver.tag);
          break;
        case 2:
          bench.flowControl.onSetup();
          naive.onSetup(nowNs);
          break;
        case 3:
          if (prng.nextBelow(5) === 0) {
            bench.flowControl.onError(id, -id);
            naive.onError(id);
          }
          break;
        default:
          bench.on(receiver);
          naive.on(receiver, nowNs);
      }
      assert.equal(bench.limit.value, naive.limit, `seed ${seed}, step ${step}`);
      assert.equal(bench.receivers.get(), naive.receivers.size, `seed ${seed}, step ${step}`);
      assert.equal(bench.flowControl.hasRequiredReceivers, naive.receivers.size >= minSize);
    }
  });
}

test('fc is read in all its forms', () => {
  const options = loadConfiguration({
    env: { AERON_FLOW_CONTROL_GROUP_TAG: '-3', AERON_FLOW_CONTROL_GROUP_MIN_SIZE: '2' },
  });
  const given = {
    groupTag: { low: -3, high: -1 },
    groupMinSize: 2,
    receiverTimeoutNs: 5e9,
    retransmitWindowMultiple: 4,
  };
  for (const [text, expected] of [
    [null, { strategy: 'max' }],
    ['max', { strategy: 'max' }],
    ['max,rrwm:8', { strategy: 'max', retransmitWindowMultiple: 8 }],
    ['min', { strategy: 'min' }],
    ['min,t:10s', { strategy: 'min', receiverTimeoutNs: 10e9 }],
    ['min,g:/3,t:5s', { strategy: 'min', groupMinSize: 3 }],
    ['tagged,g:101', { strategy: 'tagged', groupTag: { low: 101, high: 0 } }],
    [
      'tagged,g:101/3,t:1500ms,rrwm:2',
      {
        strategy: 'tagged',
        groupTag: { low: 101, high: 0 },
        groupMinSize: 3,
        receiverTimeoutNs: 1.5e9,
        retransmitWindowMultiple: 2,
      },
    ],
    ['tagged,g:-1/0', { strategy: 'tagged', groupTag: { low: -1, high: -1 }, groupMinSize: 0 }],
    ['tagged,g:9223372036854775807', { strategy: 'tagged', groupTag: { low: -1, high: 0x7fffffff } }],
  ] as const) {
    assert.deepEqual(groupFlowControl(text, options), { ...given, ...expected }, text ?? 'nothing');
  }
  for (const [text, reason] of [
    ['', "'' is not a flow control strategy: max, min or tagged"],
    ['unicast', "'unicast' is not a flow control strategy"],
    ['max,g:/3', "unknown option 'g:/3' of max"],
    ['min,g:', "'g:' is not g:[tag][/size]"],
    ['min,g:x/3', "'g:x/3' is not g:[tag][/size]"],
    ['min,g:/-3', "'g:/-3' is not g:[tag][/size]"],
    ['min,g:/2147483648', "'/2147483648' is outside 0 to 2147483647"],
    ['min,g:9223372036854775808', 'expected a 64-bit integer'],
    ['min,t:5x', "'5x' is not a duration"],
    ['min,rrwm:0', "'rrwm:0' is outside 1"],
    ['min,speed:9', "unknown option 'speed:9' of min"],
  ] as const) {
    assert.throws(
      () => groupFlowControl(text, options),
      ({ message }: Error) => message.includes(reason),
      text,
    );
  }
});

test('settings choose what channels do not say', () => {
  const options = loadConfiguration({
    env: {
      AERON_MULTICAST_FLOWCONTROL_SUPPLIER: 'io.aeron.driver.TaggedMulticastFlowControlSupplier',
      AERON_FLOW_CONTROL_GROUP_TAG: '55',
      AERON_FLOW_CONTROL_RECEIVER_TIMEOUT: '2s',
    },
    args: ['-Daeron.multicast.flow.control.rrwm=3', '-Daeron.unicast.flow.control.rrwm=9'],
  });
  assert.deepEqual(groupFlowControl(null, options), {
    strategy: 'tagged',
    groupTag: { low: 55, high: 0 },
    groupMinSize: 0,
    receiverTimeoutNs: 2e9,
    retransmitWindowMultiple: 3,
  });
  assert.equal(unicastFlowControl(null, options).strategy, 'max');
  assert.equal(unicastFlowControl(null, options).retransmitWindowMultiple, 9);
});

test('one receiver sets the pace itself', () => {
  const options = loadConfiguration({ env: {}, args: ['-Daeron.unicast.flow.control.rrwm=9'] });
  assert.equal(unicastFlowControl('max', options).retransmitWindowMultiple, 9);
  assert.equal(unicastFlowControl('max,rrwm:4', options).retransmitWindowMultiple, 4);
  for (const text of ['min', 'tagged,g:1', 'unknown', '']) {
    assert.throws(() => unicastFlowControl(text, options), /flow control strategy/);
  }
});

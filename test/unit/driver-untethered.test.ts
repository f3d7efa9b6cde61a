import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { AgentContext } from '../../src/driver/agent-context.ts';
import type { NetworkEvent } from '../../src/driver/messages.ts';
import { UntetheredSubscribers } from '../../src/driver/untethered-subscribers.ts';
import { Prng } from '../../src/util/prng.ts';
import { TestAgent, TestDirectory, TestPublisher, TestSubscriber } from '../support/stream-fixtures.ts';

const MS = 1_000_000;
const TIMEOUTS = { windowLimitNs: 100 * MS, lingerNs: 50 * MS, restingNs: 200 * MS };

const directory = new TestDirectory();
let logCount = 0;
after(() => directory.close());

test('of two IPC subscribers the untethered one is left behind, and the other goes on', () => {
  const agent = new TestAgent(null);
  const log = directory.createLog(`untethered-${logCount++}`);
  const counters = [agent.claimCounter(), agent.claimCounter()];
  const spec = agent.addIpcPublication(log, counters, {
    subscribers: [
      { counterId: counters[0]!.id, tether: true },
      { counterId: counters[1]!.id, tether: false },
    ],
  });
  const publisher = new TestPublisher(log, agent.position(spec.publisherLimitCounterId));
  const tethered = new TestSubscriber(log, agent.position(counters[0]!.id));
  const run = (ms: number): void => {
    for (let i = 0; i < ms; i++) {
      while (publisher.offer(Buffer.alloc(992)));
      tethered.poll(() => {});
      agent.run(1);
    }
  };
  agent.agent.doWork();
  agent.takeEvents();
  run(4000);
  const stuckAt = publisher.position;
  assert.equal(stuckAt, log.termLength / 2);
  run(3000);
  const leftBehind = { kind: 'subscriberLeftBehind', registrationId: 1, counterId: counters[1]!.id };
  assert.deepEqual(agent.takeEvents(), [leftBehind]);
  assert.equal(publisher.position, stuckAt);
  run(6000);
  assert.ok(publisher.position > 100 * log.termLength, 'the stream flows again');
  run(11_000);
  const [back, ...more] = agent.takeEvents();
  assert.equal(more.length, 0);
  assert.equal(back?.kind, 'subscriberAdded');
  assert.equal(log.isConnected(), true);
  agent.close();
});

test('an untethered subscriber comes back where it was, when another is further behind', () => {
  const agent = new TestAgent(null);
  const log = directory.createLog(`untethered-${logCount++}`);
  const [stuck, untethered, reading] = [agent.claimCounter(), agent.claimCounter(), agent.claimCounter()];
  const spec = agent.addIpcPublication(log, [], {
    subscribers: [
      { counterId: stuck.id, tether: true },
      { counterId: untethered.id, tether: false },
      { counterId: reading.id, tether: true },
    ],
  });
  const publisher = new TestPublisher(log, agent.position(spec.publisherLimitCounterId));
  const reader = new TestSubscriber(log, agent.position(reading.id));
  agent.agent.doWork();
  agent.takeEvents();
  while (publisher.offer(Buffer.alloc(992)));
  untethered.set(1024);
  const added = (): NetworkEvent | undefined =>
    agent.takeEvents().find(({ kind }) => kind === 'subscriberAdded');
  let back = added();
  for (let ms = 0; ms < 30_000 && back === undefined; ms++) {
    reader.poll(() => {});
    agent.run(1);
    back = added();
  }
  const { id: counterId } = untethered;
  assert.deepEqual(back, { kind: 'subscriberAdded', registrationId: 1, counterId, joinPosition: 1024 });
  assert.equal(untethered.get(), 1024);
  agent.close();
});

/** An IPC stream with a tethered subscriber that reads and an untethered one that does not, and what comes of it. */
function endingStream(): {
  agent: TestAgent;
  publisher: TestPublisher;
  run: (ms: number) => string[];
  end: () => void;
} {
  const agent = new TestAgent(null);
  const log = directory.createLog(`untethered-${logCount++}`);
  const counters = [agent.claimCounter(), agent.claimCounter()];
  const spec = agent.addIpcPublication(log, counters, {
    subscribers: [
      { counterId: counters[0]!.id, tether: true },
      { counterId: counters[1]!.id, tether: false },
    ],
  });
  const { registrationId } = spec;
  const publisher = new TestPublisher(log, agent.position(spec.publisherLimitCounterId));
  const tethered = new TestSubscriber(log, agent.position(counters[0]!.id));
  const run = (ms: number): string[] => {
    for (let i = 0; i < ms; i++) {
      tethered.poll(() => {});
      agent.run(1);
    }
    return agent.takeEvents().map(({ kind }) => kind);
  };
  const end = (): void => agent.command({ kind: 'drainPublication', registrationId, revoke: false });
  agent.agent.doWork();
  agent.takeEvents();
  return { agent, publisher, run, end };
}

test('a stream that ends while a subscriber is being left behind does not wait for it', () => {
  const { agent, publisher, run, end } = endingStream();
  while (publisher.offer(Buffer.alloc(992)));
  for (let i = 0; i < 7000 && run(1).length === 0; i++);
  end();
  assert.deepEqual(run(8000), ['streamUnavailable', 'streamReleased']);
  agent.close();
});

test('a stream that has ended waits for an untethered subscriber only as long as that reads', () => {
  const { agent, publisher, run, end } = endingStream();
  publisher.offer(Buffer.alloc(992));
  end();
  assert.deepEqual(run(4000), []);
  assert.deepEqual(run(12_000), ['subscriberLeftBehind', 'streamUnavailable', 'streamReleased']);
  agent.close();
});

test('the only subscriber of a stream is never left behind, tethered or not', () => {
  const agent = new TestAgent(null);
  const log = directory.createLog(`untethered-${logCount++}`);
  const counter = agent.claimCounter();
  const spec = agent.addIpcPublication(log, [counter], {
    subscribers: [{ counterId: counter.id, tether: false }],
  });
  const publisher = new TestPublisher(log, agent.position(spec.publisherLimitCounterId));
  agent.agent.doWork();
  agent.takeEvents();
  while (publisher.offer(Buffer.alloc(992)));
  agent.run(60_000);
  assert.deepEqual(agent.takeEvents(), []);
  agent.close();
});

const seed = Number(process.env.SEED ?? 4711);
test(`any history of positions, against a naive model of the states (SEED=${seed})`, () => {
  const prng = new Prng(seed);
  const agent = new TestAgent(null);
  const events: NetworkEvent[] = [];
  const context = new AgentContext(agent.config, agent.clock, (event) => events.push(event));
  const positions = context.subscribers(0);
  const untethered = new UntetheredSubscribers(context, 1, positions, TIMEOUTS);
  interface Model {
    counterId: number;
    rejoin: boolean;
    state: 'active' | 'linger' | 'resting' | 'closed';
    sinceMs: number;
    position: number;
  }
  const models: Model[] = [1, 2, 3, 4].map((i) => {
    const counterId = agent.claimCounter().id;
    const rejoin = i !== 4;
    positions.add(counterId, 0);
    untethered.add({ counterId, tether: false, rejoin });
    return { counterId, rejoin, state: 'active', sinceMs: 0, position: 0 };
  });
  let head = 0;
  for (let nowMs = 10; nowMs < 100_000; nowMs += 10) {
    agent.clock.advanceNs(10 * MS);
    head += prng.nextBelow(64);
    const windowLimit = head - 600;
    positions.limit = head;
    for (const model of models) {
      const counts = model.state === 'active' || model.state === 'linger';
      if (!counts || prng.nextBelow(16) !== 0) continue;
      model.position = Math.max(model.position, head - prng.nextBelow(800));
      agent.counter(model.counterId).set(model.position);
    }
    positions.update();
    untethered.windowLimit = windowLimit;
    untethered.joinPosition = head;
    untethered.check();
    const expected = new Set<string>();
    const enter = (model: Model, state: Model['state'], kind?: NetworkEvent['kind']): void => {
      model.state = state;
      model.sinceMs = nowMs;
      if (kind !== undefined) expected.add(`${kind} ${model.counterId}`);
    };
    for (const model of models) {
      const passedMs = nowMs - model.sinceMs;
      if (model.state === 'active') {
        if (model.position > windowLimit) model.sinceMs = nowMs;
        else if (passedMs > 100) enter(model, 'linger', 'subscriberLeftBehind');
      } else if (model.state === 'linger' && passedMs > 50) {
        if (model.rejoin) enter(model, 'resting');
        else enter(model, 'closed', 'subscriberRefused');
      } else if (model.state === 'resting' && passedMs > 200) {
        enter(model, 'active', 'subscriberAdded');
        model.position = head;
      }
    }
    const seen = events.splice(0) as { kind: string; counterId: number }[];
    assert.deepEqual(new Set(seen.map(({ kind, counterId }) => `${kind} ${counterId}`)), expected);
    const counting = models.filter(({ state }) => state === 'active' || state === 'linger');
    assert.equal(positions.count, counting.length);
    const min = Math.min(head, ...counting.map(({ position }) => position));
    positions.update();
    if (counting.length > 0) assert.equal(Math.min(positions.min, head), min);
  }
  assert.equal(models[3]!.state, 'closed');
  agent.close();
});

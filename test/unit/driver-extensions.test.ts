import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { AgentContext } from '../../src/driver/agent-context.ts';
import { loadConfiguration } from '../../src/driver/configuration.ts';
import { Extensions, loadExtensions } from '../../src/driver/extensions/extensions.ts';
import {
  fixedLossInterceptor,
  lossInterceptor,
  multiGapLossInterceptor,
} from '../../src/driver/extensions/loss-arguments.ts';
import { StreamOffsets } from '../../src/driver/extensions/stream-offsets.ts';
import { makeFlowControl } from '../../src/driver/flow/make-flow-control.ts';
import { MaxFlowControl } from '../../src/driver/flow/max-flow-control.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import type { ImageSpec } from '../../src/driver/messages.ts';
import { Region } from '../../src/memory/region.ts';
import {
  DATA_SESSION_ID,
  DATA_STREAM_ID,
  DATA_TERM_ID,
  DATA_TERM_OFFSET,
} from '../../src/protocol/data-frame.ts';
import { TYPE_DATA, TYPE_SETUP, writeFrameHeader } from '../../src/protocol/frame.ts';
import { type IncomingInterceptor, InterceptedTransport } from '../../src/transport/interceptors.ts';
import { DatagramBurst } from '../../src/transport/transport.ts';
import { codeOf } from '../../src/util/errors.ts';
import { ConductorBench, only } from '../support/conductor-bench.ts';
import { MemoryNetwork } from '../support/memory-network.ts';
import { maxFlowControl, TestAgent } from '../support/stream-fixtures.ts';

const region = Region.allocate(2048);

/** Whether `interceptor` lets a datagram of this stream pass. */
function passes(
  interceptor: IncomingInterceptor,
  termOffset: number,
  { length = 1024, termId = 5, sessionId = 1, type = TYPE_DATA } = {},
): boolean {
  writeFrameHeader(region.view, 0, length, 0, type);
  region.view.setInt32(DATA_TERM_OFFSET, termOffset, true);
  region.view.setInt32(DATA_SESSION_ID, sessionId, true);
  region.view.setInt32(DATA_STREAM_ID, 10, true);
  region.view.setInt32(DATA_TERM_ID, termId, true);
  let passed = 0;
  const next = { onDatagram: () => passed++ };
  interceptor.onDatagram(next, region, 0, length, 0, 0);
  return passed === 1;
}

/** POSIX erand48 with BigInt: what the official driver's interceptor draws. */
function erand48(seed: bigint): () => number {
  let x = ((seed & 0xffffn) << 32n) | (((seed >> 16n) & 0xffffn) << 16n) | ((seed >> 32n) & 0xffffn);
  return () => {
    x = (x * 0x5deece66dn + 0xbn) % 2n ** 48n;
    return Number(x) / 2 ** 48;
  };
}

test('should lose with a seed what the official driver loses with it', () => {
  for (const seed of [0n, 42n, 0x123456789abcn, 0xffffffffffffn]) {
    const interceptor = lossInterceptor(`rate=0.25|seed=${seed}|recv-msg-mask=0x2`);
    const expected = erand48(seed);
    for (let i = 0; i < 1000; i++) {
      assert.equal(passes(interceptor, 0), !(expected() <= 0.25), `seed ${seed}, datagram ${i}`);
    }
  }
});

test('should lose only frames of the types in the mask', () => {
  const interceptor = lossInterceptor('rate=1.0|recv-msg-mask=20');
  assert.equal(passes(interceptor, 0, { type: TYPE_SETUP }), false);
  assert.equal(passes(interceptor, 0), true);
  assert.equal(passes(interceptor, 0, { type: 0x7fff }), true);
  assert.equal(passes(interceptor, 0, { length: 7, type: TYPE_SETUP }), true, 'too short for a type');
});

test('should lose a fixed range once for each stream', () => {
  const interceptor = fixedLossInterceptor('term-id=5|term-offset=1024|length=2048');
  for (const sessionId of [1, 2]) {
    assert.equal(passes(interceptor, 0, { sessionId, termId: 4 }), true);
    assert.equal(passes(interceptor, 0, { sessionId }), false, 'from the first datagram on');
    assert.equal(passes(interceptor, 0, { sessionId }), true, 'sent again');
    assert.equal(passes(interceptor, 1024, { sessionId }), false);
    assert.equal(passes(interceptor, 2048, { sessionId }), false);
    assert.equal(passes(interceptor, 3072, { sessionId }), true, 'past the range');
    assert.equal(passes(interceptor, 1024, { sessionId }), true);
  }
});

test('should lose a gap at each multiple of the radix, once', () => {
  const interceptor = multiGapLossInterceptor('term-id=5|gap-radix=4096|gap-length=64|total-gaps=2');
  const lost = [];
  for (let offset = 0; offset < 32768; offset += 1024) if (!passes(interceptor, offset)) lost.push(offset);
  assert.deepEqual(lost, [4096, 8192]);
  for (const offset of lost) assert.equal(passes(interceptor, offset), true);
  const unaligned = multiGapLossInterceptor('term-id=5|gap-radix=4000|gap-length=64|total-gaps=1');
  assert.equal(passes(unaligned, 3200), false, 'reaches into the gap at 4096');
});

test('should stop following streams when there are too many', () => {
  const offsets = new StreamOffsets();
  let count = 0;
  while (offsets.set(count % 7, count, count)) count++;
  assert.equal(count, 4096);
  assert.equal(offsets.get(3, 3), 3);
  assert.equal(offsets.set(3, 3, 4), true, 'one that it knows');
  assert.equal(offsets.get(1000, 1), -1);
});

test('should refuse arguments that make no sense', () => {
  const cases: [() => unknown, RegExp][] = [
    [() => lossInterceptor('rate=much'), /loss: could not parse rate from: much/],
    [() => lossInterceptor('rate'), /"rate" of "rate" is not key=value/],
    [() => fixedLossInterceptor(''), /fixed-loss: "" does not say term-id=/],
    [
      () => multiGapLossInterceptor('term-id=1|gap-radix=0|gap-length=1|total-gaps=1'),
      /gap-radix=0 is not from 1/,
    ],
  ];
  for (const [make, text] of cases) assert.throws(make, text);
});

test('should run interceptors last first, on the way in and on the way out', () => {
  const network = new MemoryNetwork(1);
  const seen: string[] = [];
  const incoming = (name: string): IncomingInterceptor => ({
    onDatagram: (next, ...datagram) => {
      seen.push(`in ${name}`);
      next.onDatagram(...datagram);
    },
    close: () => seen.push(`close ${name}`),
  });
  const transport = new InterceptedTransport(
    network.attach(),
    [incoming('a'), incoming('b')],
    ['c', 'd'].map((name) => ({
      send: (next, ...burst) => {
        seen.push(`out ${name}`);
        return next.send(...burst);
      },
    })),
  );
  const options = { localAddress: 0, localPort: 1, remoteAddress: 0, remotePort: 0 };
  const endpoint = transport.open(
    { ...options, receiveBufferLength: 0, sendBufferLength: 0 },
    { onDatagram: () => seen.push('handler') },
  );
  const burst = new DatagramBurst();
  burst.add(region.handle, 0, 32);
  assert.equal(transport.send(endpoint, burst, 0, 1), 1);
  transport.flush();
  transport.poll({ onBurstEnd: () => {} });
  transport.close();
  assert.deepEqual(seen, ['out d', 'out c', 'in b', 'in a', 'handler', 'close a', 'close b']);
});

function moduleFile(t: TestContext, text: string): string {
  const folder = mkdtempSync('/tmp/aeron-bypass-test-');
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'extension.mjs');
  writeFileSync(path, text);
  return path;
}

test('should make by name what a module registered', async (t) => {
  const path = moduleFile(
    t,
    `export function register(extensions) {
      extensions.register('terminationValidator', 'token-is-x', (dir, token) => token.toString() === 'x');
    }`,
  );
  const validator = (await loadExtensions([path])).get('terminationValidator', 'token-is-x');
  assert.equal(validator('', Buffer.from('x')), true);
  assert.equal(validator('', Buffer.from('y')), false);
});

test('should say which module or name cannot be used', async (t) => {
  const twice = moduleFile(t, `export const register = (e) => e.register('interceptor', 'loss', {});`);
  await assert.rejects(
    loadExtensions([twice]),
    /extension.mjs cannot be used: .*"loss" is registered already/,
  );
  await assert.rejects(loadExtensions([moduleFile(t, '')]), /exports no function "register"/);
  await assert.rejects(loadExtensions(['/no/such.mjs']), /module \/no\/such.mjs cannot be used/);
  assert.throws(
    () => new Extensions().get('transport', 'x'),
    /could not find transport x, there is none\. Correct/,
  );
  assert.throws(
    () => new Extensions().get('interceptor', 'x'),
    /there is loss, fixed-loss, multi-gap-loss\./,
  );
});

test('should take an unknown idle strategy only when a module may register it', () => {
  const unknown = '-Daeron.sender.idle.strategy=mine';
  assert.throws(() => loadConfiguration({ args: [unknown] }), /idle.strategy=mine: expected one of noop/);
  const { senderIdleStrategy, driverDynamicLibraries } = loadConfiguration({
    args: [unknown, '-Daeron.driver.dynamic.libraries=a.mjs, b.mjs'],
  });
  assert.equal(senderIdleStrategy, 'mine');
  assert.deepEqual(driverDynamicLibraries, ['a.mjs', 'b.mjs']);
  const many = Array.from({ length: 21 }, (_, i) => `m${i}`).join(',');
  assert.throws(
    () => loadConfiguration({ args: [`-Daeron.driver.dynamic.libraries=${many}`] }),
    /at most 20/,
  );
});

for (const threadingMode of ['INVOKER', 'SHARED_NETWORK'] as const) {
  test(`should not start with interceptors that do not exist, in ${threadingMode}`, async (t) => {
    const folder = mkdtempSync('/dev/shm/aeron-bypass-test-');
    t.after(() => rmSync(folder, { recursive: true }));
    const launch = (names: object): Promise<MediaDriver> =>
      MediaDriver.launch({ dir: join(folder, 'aeron'), threadingMode, ...names });
    const refused = (names: object, text: RegExp): Promise<void> =>
      assert.rejects(launch(names), (error) => {
        assert.equal(codeOf(error), 'CONFIGURATION');
        assert.match(String(error), text);
        return true;
      });
    await refused({ udpChannelIncomingInterceptors: ['nope'] }, /could not find interceptor nope/);
    await refused({ udpChannelOutgoingInterceptors: ['loss'] }, /interceptor loss is not for outgoing/);
    await refused({ udpChannelTransportBindingsMedia: 'nope' }, /could not find transport nope/);
    await refused(
      { unicastFlowControl: 'nope' },
      /could not find flowControl nope, there is max, min, tagged/,
    );
    await refused({ multicastFlowControl: 'nope' }, /could not find flowControl nope/);
    await refused({ congestionControlSupplier: 'nope' }, /could not find congestionControl nope/);
    await refused({ driverTerminationValidator: 'nope' }, /could not find terminationValidator nope/);
  });
}

test('should make flow control and congestion control that a module registered', (t) => {
  const extensions = new Extensions();
  const seen: object[] = [];
  extensions.register('flowControl', 'mine', ({ senderLimit, receivers, groupMinSize }) => {
    seen.push({ receivers: receivers?.get(), groupMinSize, start: senderLimit.value });
    return { ...new MaxFlowControl(senderLimit), onStatusMessage: () => {} } as unknown as MaxFlowControl;
  });
  extensions.register('congestionControl', 'mine', ({ clock: _, counter: _counter, ...stream }) => {
    seen.push(stream);
    return null;
  });
  const agent = new TestAgent(null, new SimulatedClock(), {}, extensions);
  t.after(() => agent.close());
  const receiversCounterId = agent.claimCounter().id;
  const spec = maxFlowControl({ strategy: 'mine', receiversCounterId, groupMinSize: 2 });
  const context = new AgentContext(agent.config, agent.clock, () => {}, extensions);
  makeFlowControl(spec, context, context.position(agent.claimCounter().id, 64), {
    sessionId: 1,
    streamId: 2,
  });
  const image = { sessionId: 1, streamId: 2, termLength: 65536, mtu: 1408, windowLength: 32768 };
  context.congestionControl({ ...image, congestionControl: 'mine' } as ImageSpec);
  assert.deepEqual(seen, [{ receivers: 0, groupMinSize: 2, start: 64 }, image]);
});

test('should leave the channel the last word on flow control', (t) => {
  const bench = new ConductorBench(t, { unicastFlowControl: 'mine', congestionControlSupplier: 'slow' });
  const strategyOf = (channel: string): unknown => {
    bench.call({ type: 'addExclusivePublication', streamId: 10, channel });
    return bench.network.last('addNetworkPublication').publication.flowControl.strategy;
  };
  assert.equal(strategyOf('aeron:udp?endpoint=127.0.0.1:24325'), 'mine');
  assert.equal(strategyOf('aeron:udp?endpoint=127.0.0.1:24326|fc=max'), 'max');
  const refused = bench.call({
    type: 'addPublication',
    streamId: 10,
    channel: 'aeron:udp?endpoint=127.0.0.1:24327|fc=mine',
  });
  assert.match(only(refused.events, 'error').message, /'mine' is not a flow control strategy/);
});

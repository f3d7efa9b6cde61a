/** Several network agents of a driver: every stream arrives, whichever agent has it, and each agent has its share. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import type { ExclusivePublication } from '../../src/client/exclusive-publication.ts';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import { CounterType, SystemCounter } from '../../src/cnc/counter-types.ts';
import { sharedMemoryWire } from '../../src/device/dpdk/shared-memory-wire.ts';
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import { codeOf } from '../../src/util/errors.ts';
import { startDriver } from '../interop/drivers.ts';
import { CheckedMessageVerifier, CheckedMessageWriter } from '../support/checked-message.ts';
import { SKIP_WITHOUT_DPDK, SKIP_WITHOUT_TAP, virtualEal } from '../support/dpdk.ts';
import {
  openNetworkStation,
  openWireStation,
  PATIENT_OPTIONS,
  PATIENT_PROPERTIES,
  WIRE_ADDRESS,
} from '../support/network-station.ts';
import { until } from '../support/until.ts';
import { createNamespace, setUpInterface, vethLabMissing } from '../support/veth-lab.ts';

const COUNT = 500;
const STREAM_ID = 1001;
const AGENTS = 2;
const STREAM = { seed: 815, maxLength: 4000 };

function freshDirectory(t: TestContext): string {
  const parent = mkdtempSync('/dev/shm/aeron-bypass-test-');
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, 'aeron');
}

async function launch(t: TestContext, options: Partial<DriverOptions>): Promise<MediaDriver> {
  const driver = await MediaDriver.launch({
    ...PATIENT_OPTIONS,
    networkAgents: AGENTS,
    ...options,
  });
  t.after(() => driver.close());
  return driver;
}

async function connect(t: TestContext, directory: string): Promise<Aeron> {
  const aeron = await Aeron.connect({ directory });
  t.after(() => aeron.close());
  return aeron;
}

/** One stream of checked messages. */
class Flow {
  private readonly publication: ExclusivePublication;
  private readonly subscription: Subscription;
  private readonly writer: CheckedMessageWriter;
  private readonly verifier: CheckedMessageVerifier = new CheckedMessageVerifier(STREAM, 1, COUNT);
  private readonly assembler: FragmentAssembler = new FragmentAssembler((buffer, offset, length) => {
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.verifier.onMessage(view, offset, length);
  });
  private readonly buffer: Buffer = Buffer.alloc(STREAM.maxLength);
  private readonly view: DataView = new DataView(
    this.buffer.buffer,
    this.buffer.byteOffset,
    this.buffer.byteLength,
  );
  private sent = 0;

  static async start(from: Aeron, publish: string, to: Aeron, subscribe: string): Promise<Flow> {
    const subscription = await to.addSubscription(subscribe, STREAM_ID);
    const publication = await from.addExclusivePublication(publish, STREAM_ID);
    return new Flow(publication, subscription);
  }

  private constructor(publication: ExclusivePublication, subscription: Subscription) {
    this.publication = publication;
    this.subscription = subscription;
    this.writer = new CheckedMessageWriter(STREAM, 0);
  }

  /** Some of the work. Returns whether all of it is done. */
  advance(): boolean {
    for (let i = 0; i < 32 && this.sent < COUNT; i++) {
      const length = this.writer.write(this.view, 0, this.sent);
      if (this.publication.offer(this.buffer, 0, length) < 0) break;
      this.sent++;
    }
    this.subscription.poll(this.assembler.handler, 64);
    if (!this.verifier.isComplete) return false;
    this.verifier.finish();
    const { received, lost, duplicated, reordered, corrupted } = this.verifier;
    assert.deepEqual([received, lost, duplicated, reordered, corrupted], [COUNT, 0, 0, 0, 0]);
    return true;
  }
}

/** Runs flows to their end. */
async function run(flows: readonly Flow[]): Promise<void> {
  const open = new Set(flows);
  await until(
    () => {
      for (const flow of open) if (flow.advance()) open.delete(flow);
      return open.size === 0;
    },
    'the last message',
    60_000,
  );
}

/** What each agent of a driver counted under a name. */
function traffic({ countersReader }: Aeron, name: string): number[] {
  const values: number[] = [];
  countersReader.forEach(({ label, registrationId, value }) => {
    if (label === `network agent ${registrationId}: ${name}`) values[registrationId] = value;
  });
  return values;
}

test('two agents share kernel sockets and IPC streams, and their counts are added up', async (t) => {
  const aeron = await openNetworkStation(t, { networkAgents: AGENTS });
  const channels = [
    ...[24610, 24611, 24612, 24613].map((port) => `aeron:udp?endpoint=127.0.0.1:${port}|term-length=1m`),
    'aeron:ipc?term-length=1m',
  ];
  await run(await Promise.all(channels.map((channel) => Flow.start(aeron, channel, aeron, channel))));
  await until(() => traffic(aeron, 'datagrams sent').every((sent) => sent > COUNT / 4), 'both counts');
  const bytesSent = aeron.countersReader.value(SystemCounter.BYTES_SENT);
  const bytesReceived = aeron.countersReader.value(SystemCounter.BYTES_RECEIVED);
  assert.ok(bytesSent > 4 * COUNT * 32, `${bytesSent}`);
  assert.ok(bytesReceived > 4 * COUNT * 32, `${bytesReceived}`);
  assert.deepEqual(traffic(aeron, 'hand-overs dropped'), [0, 0]);
});

test('a driver with several agents closes itself and says why when one of them fails', async (t) => {
  const driver = await launch(t, { dir: freshDirectory(t) });
  const { network } = driver as unknown as {
    network: { agents: { worker: { terminate(): Promise<number> } }[] };
  };
  await network.agents[1]!.worker.terminate();
  await assert.rejects(driver.terminated, (error) => {
    assert.equal(codeOf(error), 'NETWORK_THREAD_FAILED');
    assert.match(String(error), /network thread 1 ended with exit code 1/);
    return true;
  });
});

test('several agents are refused where there is one thread', async (t) => {
  for (const threadingMode of ['SHARED', 'INVOKER'] as const) {
    await assert.rejects(
      launch(t, { dir: freshDirectory(t), threadingMode }),
      new RegExp(`aeron.network.agents=2 needs as many threads, and aeron.threading.mode=${threadingMode}`),
    );
  }
});

describe('two drivers with two agents each, over two queues', { skip: SKIP_WITHOUT_DPDK }, () => {
  test('carry every stream, each on the queue of its port, and hand over what comes to another', async (t) => {
    const folder = mkdtempSync('/dev/shm/bypass-wire-');
    t.after(() => rmSync(folder, { recursive: true }));
    const socketPath = join(folder, 'wire.sock');
    const [a, b] = await Promise.all([
      openWireStation(t, 'a', socketPath, AGENTS),
      openWireStation(t, 'b', socketPath, AGENTS),
    ]);

    const toB = [40100, 40101, 40102, 40103].map((port) => `aeron:udp?endpoint=${WIRE_ADDRESS.b}:${port}`);
    const toA = [40200, 40201].map((port) => `aeron:udp?endpoint=${WIRE_ADDRESS.a}:${port}`);
    await run(
      await Promise.all([
        ...toB.map((channel) => Flow.start(a, channel, b, channel)),
        ...toA.map((channel) => Flow.start(b, channel, a, channel)),
      ]),
    );
    for (const side of [a, b]) {
      await until(() => traffic(side, 'datagrams sent').every((sent) => sent > COUNT / 4), 'both counts');
      await until(
        () => traffic(side, 'datagrams received').every((received) => received > COUNT / 4),
        'both counts',
      );
      assert.deepEqual(traffic(side, 'datagrams handed over to other agents'), [0, 0]);
    }

    // From a port of agent 1, so over queue 1, to a port of agent 0; status messages come back the other way round.
    const astray = `aeron:udp?endpoint=${WIRE_ADDRESS.b}:40104|interface=${WIRE_ADDRESS.a}:40301`;
    await run([await Flow.start(a, astray, b, `aeron:udp?endpoint=${WIRE_ADDRESS.b}:40104`)]);
    const name = 'datagrams handed over to other agents';
    await until(() => traffic(b, name)[1]! > COUNT / 4, 'handed over data');
    await until(() => traffic(a, name)[0]! > 0, 'handed over status messages');
    assert.deepEqual(traffic(b, 'hand-overs dropped'), [0, 0]);
  });

  test('carry frames of 9000 bytes, several messages in each', async (t) => {
    const folder = mkdtempSync('/dev/shm/bypass-wire-');
    t.after(() => rmSync(folder, { recursive: true }));
    const socketPath = join(folder, 'wire.sock');
    const properties = { 'aeron.dpdk.mtu': '9000', 'aeron.mtu.length': '8928' };
    const [a, b] = await Promise.all([
      openWireStation(t, 'a', socketPath, AGENTS, properties),
      openWireStation(t, 'b', socketPath, AGENTS, properties),
    ]);
    const toB = `aeron:udp?endpoint=${WIRE_ADDRESS.b}:40100`;
    const toA = `aeron:udp?endpoint=${WIRE_ADDRESS.a}:40200`;
    await run([await Flow.start(a, toB, b, toB), await Flow.start(b, toA, a, toA)]);
    const counter = (typeId: number, label: string): number => {
      let value = 0;
      b.countersReader.forEach((found) => {
        if (found.typeId === typeId && found.label === label) value = found.value;
      });
      return value;
    };
    // Messages have 2000 bytes in the mean: frames of 1500 bytes would be shorter in the mean than these.
    await until(() => counter(CounterType.DPDK_PKTS, 'DPDK RX packets') > COUNT / 4, 'packets');
    assert.equal(counter(CounterType.DPDK_NOBUFS, 'DPDK RX no buffers'), 0);
  });

  test('refuse a port that has not enough queues', async (t) => {
    const { ealArguments } = sharedMemoryWire({
      role: 'b',
      socketPath: '/dev/shm/nobody',
      useHugepages: false,
    });
    const starting = launch(t, {
      dir: freshDirectory(t),
      ealArguments,
      dpdkLocalIpv4Address: { address: 0x0a000002, prefixLength: 24 },
    });
    await assert.rejects(starting, (error) => {
      assert.equal(codeOf(error), 'DPDK_PORT');
      assert.match(
        String(error),
        /2 queue pairs are wanted, one for each network agent, and the port has 1 receive and 1 transmit queues/,
      );
      return true;
    });
  });
});

/** A driver with the queues of a tap device, 10.77.0.1, and one on sockets of the kernel at its other end, 10.77.0.2. */
async function tapAndSockets(t: TestContext): Promise<[onTap: Aeron, onSockets: Aeron]> {
  const namespace = createNamespace(t);
  const onTap = await startDriver(t, 'ours', {
    namespace,
    ealArguments: virtualEal('net_tap0,iface=tap0'),
    properties: {
      ...PATIENT_PROPERTIES,
      'aeron.network.agents': String(AGENTS),
      'aeron.dpdk.local.ipv4.address': '10.77.0.1/24',
    },
  });
  setUpInterface(namespace, 'tap0', '10.77.0.2');
  const onSockets = await startDriver(t, 'ours', { namespace, properties: PATIENT_PROPERTIES });
  return Promise.all([connect(t, onTap.directory), connect(t, onSockets.directory)]);
}

// The kernel spreads flows over the queues by a hash, until it has seen which queue answers come from.
test('two agents with the queues of a tap device exchange streams with kernel sockets', {
  skip: SKIP_WITHOUT_DPDK || vethLabMissing() || SKIP_WITHOUT_TAP,
}, async (t) => {
  const [a, b] = await tapAndSockets(t);
  const flows = [24620, 24621, 24622, 24623].flatMap((port) => [
    Flow.start(a, `aeron:udp?endpoint=10.77.0.2:${port}`, b, `aeron:udp?endpoint=10.77.0.2:${port}`),
    Flow.start(b, `aeron:udp?endpoint=10.77.0.1:${port}`, a, `aeron:udp?endpoint=10.77.0.1:${port}`),
  ]);
  await run(await Promise.all(flows));
  await until(() => traffic(a, 'datagrams sent').every((sent) => sent > COUNT / 4), 'both counts');
  await until(() => traffic(a, 'datagrams received').every((received) => received > 0), 'both counts');
  assert.deepEqual(traffic(a, 'hand-overs dropped'), [0, 0]);
});

test('groups go both ways between a tap device and kernel sockets, several of them on one port', {
  skip: SKIP_WITHOUT_DPDK || vethLabMissing() || SKIP_WITHOUT_TAP,
}, async (t) => {
  const [a, b] = await tapAndSockets(t);
  const group = (last: number, port: number): string =>
    `aeron:udp?endpoint=224.20.30.${last}:${port}|interface=10.77.0.0/24`;
  const flows = [24620, 24621].flatMap((port) => [
    Flow.start(a, group(39, port), b, group(39, port)),
    Flow.start(b, group(49, port), a, group(49, port)),
  ]);
  await run(await Promise.all(flows));
});

// Each card is on a network of its own, where the kernel's stack answers; unbound senders go where the route leads.
test('one driver has streams on two ports at a time, each by its address', {
  skip: SKIP_WITHOUT_DPDK || vethLabMissing() || SKIP_WITHOUT_TAP,
}, async (t) => {
  const namespace = createNamespace(t);
  const properties = {
    'aeron.timer.interval': '50ms',
    'aeron.image.liveness.timeout': '60s',
    'aeron.publication.connection.timeout': '60s',
  };
  const onTaps = await startDriver(t, 'ours', {
    namespace,
    ealArguments: [...virtualEal('net_tap0,iface=tap0'), '--vdev=net_tap1,iface=tap1'],
    properties: {
      ...properties,
      'aeron.dpdk.local.ipv4.address': '10.77.0.1/24',
      'aeron.dpdk.further.ports': '1=10.78.0.1/24',
    },
  });
  setUpInterface(namespace, 'tap0', '10.77.0.2');
  setUpInterface(namespace, 'tap1', '10.78.0.2');
  const onSockets = await startDriver(t, 'ours', { namespace, properties: PATIENT_PROPERTIES });
  const [a, b] = await Promise.all([connect(t, onTaps.directory), connect(t, onSockets.directory)]);
  const flows = ['10.77.0', '10.78.0'].flatMap((prefix, i) => [
    Flow.start(a, `aeron:udp?endpoint=${prefix}.2:2463${i}`, b, `aeron:udp?endpoint=${prefix}.2:2463${i}`),
    Flow.start(b, `aeron:udp?endpoint=${prefix}.1:2464${i}`, a, `aeron:udp?endpoint=${prefix}.1:2464${i}`),
    Flow.start(
      a,
      `aeron:udp?endpoint=${prefix}.2:2465${i}|interface=${prefix}.0/24`,
      b,
      `aeron:udp?endpoint=${prefix}.2:2465${i}`,
    ),
  ]);
  await run(await Promise.all(flows));
  const longest: number[] = [];
  a.countersReader.forEach(({ typeId, label, value, key }) => {
    if (typeId === CounterType.DPDK_PKTS && label === 'DPDK RX packets') longest[key.readInt32LE()] = value;
  });
  assert.equal(longest.length, 2);
  assert.ok(
    longest.every((count) => count > 0),
    longest.join(),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { Ports } from '../../src/driver/conductor/ports.ts';
import { BypassStatistics } from '../../src/transport/bypass/bypass-statistics.ts';
import type { PortReport } from '../../src/transport/bypass/port-report.ts';

type Counts = Readonly<Record<string, number>>;

/** Statistics in shared memory, by their names. */
function shared(): { report: Pick<PortReport, 'transport' | 'net' | 'device'>; set(counts: Counts): void } {
  const buffers = [0, 1, 2].map(() => new SharedArrayBuffer(8 * 128));
  const [transport, net, device] = buffers.map((buffer) => new Float64Array(buffer));
  const names = Object.keys(new BypassStatistics(net!, device!, transport!).toObject());
  const parts: Record<string, Float64Array> = { transport: transport!, net: net!, device: device! };
  return {
    report: { transport: buffers[0]!, net: buffers[1]!, device: buffers[2]! },
    set(counts): void {
      for (const [name, count] of Object.entries(counts)) {
        const part = name.split('.')[0]!;
        const index = names.filter((other) => other.startsWith(`${part}.`)).indexOf(name);
        assert.ok(index >= 0, name);
        parts[part]![index] = count;
      }
    },
  };
}

function portsOf(): {
  ports: Ports;
  labels: Map<number, { label: string; typeId: number; portId: number }>;
  values: Map<number, number>;
  errors: string[];
  value(label: string, portId?: number): number | undefined;
} {
  const labels = new Map<number, { label: string; typeId: number; portId: number }>();
  const values = new Map<number, number>();
  const errors: string[] = [];
  const counters = {
    allocate({ label, typeId, key }: { label: string; typeId: number; key: Buffer }): number {
      labels.set(labels.size, { label, typeId, portId: key.readInt32LE() });
      return labels.size - 1;
    },
    setValue: (id: number, value: number) => values.set(id, value),
  };
  const context = {
    counters,
    errors: { record: (_code: number, message: string) => errors.push(message) },
    options: { dpdkExtendedStats: false },
  };
  return {
    ports: new Ports(context as unknown as ConstructorParameters<typeof Ports>[0]),
    labels,
    values,
    errors,
    value: (label, portId = 0) => {
      const found = [...labels].find(([, info]) => info.label.startsWith(label) && info.portId === portId);
      return found === undefined ? undefined : values.get(found[0]);
    },
  };
}

const REPORT = {
  portId: 0,
  queue: 0,
  queues: 2,
  driverName: 'net_fake',
  mac: '2:0:0:0:0:1',
  localAddress: 0x0a000001,
  mtu: 1500,
  rxRingLength: 1024,
  txRingLength: 512,
  bufferCount: 3000,
  offloads: ['rx-udp-checksum'],
  notes: ['100 transmit descriptors are wanted, the port has 512'],
};

test('counters of a port are sums over its queue pairs, brought up to date when asked', () => {
  const [first, second] = [shared(), shared()];
  const { ports, labels, errors, value } = portsOf();
  ports.onOpened({ ...REPORT, ...first.report });
  ports.onOpened({ ...REPORT, ...second.report, queue: 1 });
  assert.deepEqual(errors, ['DPDK port 0 (net_fake): 100 transmit descriptors are wanted, the port has 512']);
  first.set({
    'device.txFrames': 5,
    'net.ipv4Checksum': 1,
    'transport.noEndpoint': 2,
    'device.txNoBuffers': 1,
  });
  second.set({ 'device.txFrames': 7, 'net.udpChecksumWrong': 2, 'transport.noEndpoint': 1 });
  assert.equal(value('DPDK TX packets'), undefined);
  ports.update();
  assert.equal(value('DPDK TX packets'), 12);
  assert.equal(value('DPDK RX checksum failure'), 3);
  assert.equal(value('DPDK RX receiver discard'), 3);
  assert.equal(value('DPDK TX no buffers'), 1);
  assert.equal(
    value('DPDK - local: 10.0.0.1/2:0:0:0:0:1 rx: 2/1024 tx: 2/512 6000 mtu: 1500 net_fake rx-udp-checksum'),
    1,
  );
  assert.equal([...labels.values()].filter(({ typeId }) => typeId === CounterType.DPDK_POLLER).length, 2);
});

test('each port has counters of its own, with its id as key', () => {
  const [first, second] = [shared(), shared()];
  const { ports, value } = portsOf();
  ports.onOpened({ ...REPORT, ...first.report });
  ports.onOpened({ ...REPORT, ...second.report, portId: 3 });
  first.set({ 'device.rxFrames': 5 });
  second.set({ 'device.rxFrames': 7 });
  ports.update();
  assert.equal(value('DPDK RX packets', 0), 5);
  assert.equal(value('DPDK RX packets', 3), 7);
});

test('a link that goes, and a card that was reset, are in the error log once each', () => {
  const queue = shared();
  const { ports, errors, value } = portsOf();
  ports.onOpened({ ...REPORT, ...queue.report, notes: [] });
  ports.update();
  assert.deepEqual(errors, [], 'before the first look there is nothing to say');
  queue.set({ 'net.linkUp': 1, 'net.linkChanges': 1 });
  ports.update();
  queue.set({ 'net.linkUp': 0, 'net.linkChanges': 2 });
  ports.update();
  ports.update();
  assert.deepEqual(errors, [
    'DPDK port 0 (net_fake): link is down: no frame comes or goes until it is up again',
  ]);
  assert.equal(value('DPDK - local'), 0);
  queue.set({ 'net.linkUp': 1, 'net.linkChanges': 3, 'device.resets': 1 });
  ports.update();
  ports.update();
  assert.deepEqual(errors.slice(1), [
    'DPDK port 0 (net_fake): the card asked to be reset, was, and runs again',
  ]);
  assert.equal(value('DPDK - local'), 1);
});

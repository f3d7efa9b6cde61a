import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dpdkDriverOf } from '../../src/host/dpdk-driver.ts';
import { Host } from '../../src/host/host.ts';
import { readIommuGroups } from '../../src/host/iommu-group.ts';
import { ipJson } from '../../src/host/ip-command.ts';
import { readModuleParameter, readModuleState } from '../../src/host/kernel-module.ts';
import { parseCpuList, readNumaNodes } from '../../src/host/numa-node.ts';
import { parsePciAddress, readPciDevices } from '../../src/host/pci-device.ts';
import { canonicalAddress } from '../../src/host/remote-session.ts';
import { twoPortServer, virtualMachine } from '../support/fake-machines.ts';

test('should read hugepages of each NUMA node', (t) => {
  const machine = twoPortServer(t);
  for (const id of [0, 1]) {
    const node = `/sys/devices/system/node/node${id}`;
    machine.file(`${node}/cpulist`, id === 0 ? '0-3,8' : '4-7');
    machine.file(`${node}/distance`, id === 0 ? '10 21' : '21 10');
    machine.file(`${node}/meminfo`, `Node ${id} MemTotal:  1000 kB\nNode ${id} MemFree:  ${id} kB`);
    machine.file(`${node}/hugepages/hugepages-1048576kB/nr_hugepages`, '0');
    machine.file(`${node}/hugepages/hugepages-2048kB/nr_hugepages`, '64');
    machine.file(`${node}/hugepages/hugepages-2048kB/free_hugepages`, String(60 + id));
  }
  const nodes = readNumaNodes(machine);
  assert.deepEqual(nodes[0], {
    id: 0,
    cpus: [0, 1, 2, 3, 8],
    distances: [10, 21],
    memoryKb: 1000,
    freeMemoryKb: 0,
    hugepages: [
      { sizeKb: 2048, total: 64, free: 60 },
      { sizeKb: 1048576, total: 0, free: 0 },
    ],
  });
  assert.equal(nodes[1]?.hugepages[0]?.free, 61);
});

test('should take the whole machine for one node where the kernel knows none', (t) => {
  const machine = virtualMachine(t);
  machine.file('/proc/meminfo', 'MemTotal: 2000 kB\nMemFree: 500 kB');
  machine.file('/sys/devices/system/cpu/online', '0-1');
  machine.file('/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages', '8');
  machine.file('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages', '7');
  const [node, ...others] = readNumaNodes(machine);
  assert.equal(others.length, 0);
  assert.deepEqual(node?.cpus, [0, 1]);
  assert.equal(node?.memoryKb, 2000);
  assert.deepEqual(node?.hugepages, [{ sizeKb: 2048, total: 8, free: 7 }]);
});

test('should read lists of CPUs', () => {
  assert.deepEqual(parseCpuList(''), []);
  assert.deepEqual(parseCpuList('3'), [3]);
  assert.deepEqual(parseCpuList('0-2,5,7-8'), [0, 1, 2, 5, 7, 8]);
});

test('should tell modules that are loaded, on disk, built in and missing', (t) => {
  const machine = virtualMachine(t);
  machine.file('/sys/module/vfio_pci/parameters/disable_idle_d3', 'N');
  machine.file(
    '/lib/modules/6.1.0-fake/modules.dep',
    'kernel/drivers/uio/uio_pci_generic.ko.xz: kernel/drivers/uio/uio.ko.xz\nextra/igb_uio.ko:',
  );
  machine.file('/lib/modules/6.1.0-fake/modules.builtin', 'kernel/drivers/vfio/vfio.ko');
  assert.equal(readModuleState(machine, 'vfio-pci'), 'loaded');
  assert.equal(readModuleParameter(machine, 'vfio-pci', 'disable_idle_d3'), 'N');
  assert.equal(readModuleState(machine, 'uio_pci_generic'), 'available');
  assert.equal(readModuleState(machine, 'igb-uio'), 'available');
  assert.equal(readModuleState(machine, 'vfio'), 'loaded');
  assert.equal(readModuleState(machine, 'uio'), 'missing');
});

test('should read IOMMU groups by number', (t) => {
  const groups = readIommuGroups(twoPortServer(t));
  assert.deepEqual(
    groups.map(({ id }) => id),
    [7, 20],
  );
  assert.deepEqual(groups[1]?.devices, ['0000:80:01.0', '0000:81:00.0', '0000:81:00.1']);
  assert.equal(groups[1]?.type, 'DMA-FQ');
});

test('should read PCI addresses as people write them', () => {
  assert.equal(parsePciAddress('0000:81:00.1'), '0000:81:00.1');
  assert.equal(parsePciAddress('81:00.1'), '0000:81:00.1');
  assert.equal(parsePciAddress('0000:3B:00.0'), '0000:3b:00.0');
  for (const text of ['', 'eth0', '81:00', '81:00.8', '0000:81:00.1/..', '../81:00.1', '0000:81:00.1\n']) {
    assert.equal(parsePciAddress(text), null, text);
  }
});

test('should know the drivers of DPDK for the cards of clouds and servers', () => {
  const cards = {
    '1d0f:ec20': 'net_ena',
    '8086:10fb': 'net_ixgbe',
    '8086:1572': 'net_i40e',
    '8086:1592': 'net_ice',
    '8086:154c': 'net_iavf',
    '8086:10c9': 'net_e1000_igb',
    '8086:10d3': 'net_e1000_em',
    '15b3:1017': 'mlx5_eth',
    '1414:00ba': 'net_mana',
    '1af4:1000': 'net_virtio',
    '15ad:07b0': 'net_vmxnet3',
    '1ae0:0042': 'net_gve',
    '14e4:16d7': 'net_bnxt',
  };
  for (const [ids, driver] of Object.entries(cards)) {
    const [vendorId = '', deviceId = ''] = ids.split(':');
    assert.equal(dpdkDriverOf(vendorId, deviceId)?.name, driver, ids);
  }
  assert.equal(dpdkDriverOf('8086', '0000'), null);
});

test('should write IPv6 addresses one way', () => {
  assert.equal(canonicalAddress('2001:DB8:0:0::1'), '2001:db8::1');
  assert.equal(canonicalAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(canonicalAddress('192.0.2.1'), '192.0.2.1');
  assert.equal(canonicalAddress('no:address'), 'no:address');
});

test('should say that iproute2 is missing', () => {
  const host = new (class extends Host {
    override run() {
      return { status: 127, stdout: '', stderr: 'spawnSync ip ENOENT' };
    }
  })();
  assert.throws(() => ipJson(host, ['address', 'show']), { code: 'IP_COMMAND', message: /Install iproute2/ });
});

test('should read the machine it runs on without failing', () => {
  const host = new Host();
  assert.ok(readNumaNodes(host).length > 0);
  for (const { vendorId } of readPciDevices(host)) assert.match(vendorId, /^[0-9a-f]{4}$/);
});

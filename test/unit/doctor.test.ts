/** What `doctor` finds on machines of several kinds, and what `--fix` does there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CheckedFinding, examine } from '../../src/doctor/examine.ts';
import { loadConfiguration } from '../../src/driver/configuration.ts';
import { readNetworkCards, readNetworkView } from '../../src/nic/network-card.ts';
import type { FakeMachine } from '../support/fake-machine.ts';
import { ec2Instance, mlx5Server, twoPortServer, virtualMachine } from '../support/fake-machines.ts';

const GIB = 1 << 30;
const ADDRESS = '-Daeron.dpdk.local.ipv4.address=10.0.0.1/24';
const DIRECTORY = '-Daeron.dir=/dev/shm/aeron-doctor';
const PAGES = '/sys/kernel/mm/hugepages/hugepages-2048kB';

interface Circumstances {
  readonly isRoot?: boolean;
  readonly usable?: number;
}

function findings(
  machine: FakeMachine,
  args: readonly string[],
  { isRoot = true, usable = 8 * GIB }: Circumstances = {},
): CheckedFinding[] {
  return examine({
    host: machine,
    options: loadConfiguration({ args: [...args, DIRECTORY] }),
    cards: readNetworkCards(machine, readNetworkView(machine, [])),
    usableBytes: () => usable,
    isRoot,
  });
}

/** Everything one check said, as `severity what`. */
function said(all: readonly CheckedFinding[], check: string): string[] {
  return all.filter((one) => one.check === check).map(({ severity, what }) => `${severity} ${what}`);
}

function hugepages(machine: FakeMachine, free: number, total: number = free): void {
  machine.file('/proc/meminfo', 'MemTotal: 8000000 kB\nMemFree: 6000000 kB\nMemAvailable: 6000000 kB');
  machine.file(`${PAGES}/nr_hugepages`, String(total));
  machine.file(`${PAGES}/free_hugepages`, String(free));
}

const bound = (machine: FakeMachine, address: string): void => {
  machine.run('modprobe', ['vfio-pci']);
  machine.write(`/sys/bus/pci/devices/${address}/driver_override`, 'vfio-pci');
  machine.write(`/sys/bus/pci/drivers/${machine.driverOf(address)}/unbind`, address);
  machine.write('/sys/bus/pci/drivers/vfio-pci/bind', address);
};

test('a card that is bound, with an IOMMU and enough hugepages, is fine', (t) => {
  const machine = virtualMachine(t);
  hugepages(machine, 64);
  bound(machine, '0000:00:04.0');
  const all = findings(machine, ['-a', '0000:00:04.0', '--', ADDRESS]);
  assert.deepEqual(said(all, 'cards'), ['ok 0000:00:04.0 is bound to vfio-pci, net_virtio takes it']);
  assert.deepEqual(said(all, 'IOMMU and VFIO'), ['ok the IOMMU is on: 3 groups', 'ok vfio-pci is loaded']);
  assert.match(said(all, 'hugepages').join(), /^ok 128 MiB of hugepages are free, [\d.]+ MiB are needed$/);
  assert.equal(all.filter(({ severity }) => severity === 'problem').length, 0);
});

test('a card of the kernel, by its short address and with device arguments, is to be bound; that it has the way out is said', (t) => {
  const machine = virtualMachine(t);
  hugepages(machine, 64);
  const all = findings(machine, ['--allow=00:03.0,vectorized=1', '--', ADDRESS]);
  const [card] = all.filter(({ check }) => check === 'cards');
  assert.equal(card?.severity, 'problem');
  assert.match(
    card?.what ?? '',
    /^0000:00:03\.0 belongs to the kernel \(virtio-pci\), and carries the default route/,
  );
  assert.equal(card?.fix, 'aeron-bypass nic bind 0000:00:03.0');
});

test('an address that no card has is named', (t) => {
  const all = findings(virtualMachine(t), ['-a', '0000:07:00.0', '--', ADDRESS]);
  assert.deepEqual(said(all, 'cards'), ['problem no network card has an address of "-a 0000:07:00.0"']);
});

test('a bifurcated driver needs nothing bound, and no VFIO', (t) => {
  const machine = mlx5Server(t);
  hugepages(machine, 64);
  const address = readNetworkCards(machine, readNetworkView(machine, [])).find(
    ({ dpdkDriver }) => dpdkDriver?.path === 'bifurcated',
  )!.address;
  const all = findings(machine, ['-a', address, '--', ADDRESS]);
  assert.match(said(all, 'cards').join(), /^ok .* works beside mlx5_core, nothing is to be bound$/);
  assert.deepEqual(said(all, 'IOMMU and VFIO'), []);
});

test('two ports in one IOMMU group have to go together', (t) => {
  const all = findings(twoPortServer(t), ['-a', '0000:81:00.0', '--', ADDRESS]);
  assert.ok(
    said(all, 'IOMMU and VFIO').includes('warning 0000:81:00.0 shares IOMMU group 20 with 0000:81:00.1'),
  );
});

test('an EC2 instance: no IOMMU, and ENA wants write combining', (t) => {
  const machine = ec2Instance(t);
  const all = findings(machine, ['-a', '0000:00:06.0', '--', ADDRESS]);
  assert.ok(said(all, 'IOMMU and VFIO').includes('warning there is no IOMMU'));
  assert.ok(said(all, 'cards').some((text) => text.startsWith('warning 0000:00:06.0: write combining is')));
  machine.file('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'Y');
  machine.file('/sys/module/vfio_pci/parameters/write_combine', '1');
  const after = findings(machine, ['-a', '0000:00:06.0', '--', ADDRESS]);
  assert.ok(
    said(after, 'IOMMU and VFIO').includes('warning there is no IOMMU, and VFIO is told to do without'),
  );
  assert.ok(said(after, 'cards').includes('ok 0000:00:06.0: write combining is on'));
});

test('missing hugepages are reserved by a repair, where half of what is free is enough', (t) => {
  const machine = virtualMachine(t);
  hugepages(machine, 1, 3);
  const [finding] = findings(machine, ['-a', '0000:00:04.0', '--', ADDRESS]).filter(
    ({ check }) => check === 'hugepages',
  );
  assert.equal(finding?.severity, 'problem');
  assert.match(finding?.what ?? '', /^2 MiB of hugepages are free/);
  const pages = Number(/^echo (\d+) >/.exec(finding?.repair?.text ?? '')?.[1]);
  assert.ok(pages > 3, 'those in use stay');
  finding?.repair?.apply(machine);
  assert.equal(machine.number(`${PAGES}/nr_hugepages`), pages);

  machine.file('/proc/meminfo', 'MemTotal: 100000 kB\nMemFree: 50000 kB\nMemAvailable: 50000 kB');
  const [poor] = findings(machine, ['-a', '0000:00:04.0', '--', ADDRESS]).filter(
    ({ check }) => check === 'hugepages',
  );
  assert.equal(poor?.repair, undefined, 'nothing is taken from a machine that has too little');
});

test('vfio-pci is loaded by a repair, and a kernel without it is told apart', (t) => {
  const machine = virtualMachine(t);
  const args = ['-a', '0000:00:04.0', '--', ADDRESS];
  const missing = findings(machine, args).find(({ what }) => what === 'vfio-pci is not loaded');
  missing?.repair?.apply(machine);
  assert.ok(said(findings(machine, args), 'IOMMU and VFIO').includes('ok vfio-pci is loaded'));

  const bare = virtualMachine(t);
  bare.setModules('uio_pci_generic');
  assert.ok(
    said(findings(bare, args), 'IOMMU and VFIO').includes('problem the kernel has no module vfio-pci'),
  );
});

test('a limit of locked memory is a problem for users, and none for root', (t) => {
  const machine = virtualMachine(t);
  machine.file(
    '/proc/self/limits',
    'Max locked memory         65536                65536                bytes',
  );
  machine.file('/proc/self/status', 'CapEff:\t0000000000000000');
  const args = ['-a', '0000:00:04.0', '--', ADDRESS];
  const asUser = findings(machine, args, { isRoot: false });
  assert.ok(said(asUser, 'permissions').includes('problem locked memory is limited to 65536 bytes'));
  assert.ok(
    said(asUser, 'permissions').includes(
      'warning this user has no CAP_IPC_LOCK, CAP_SYS_RAWIO, CAP_SYS_ADMIN',
    ),
  );
  assert.ok(said(findings(machine, args), 'permissions').every((text) => text.startsWith('ok')));
});

test('the 64 MiB that a container has hold one log of 16 MiB terms', (t) => {
  const machine = virtualMachine(t);
  const small = findings(machine, [], { usable: 64 << 20 });
  assert.match(
    said(small, 'shared memory').join(),
    /^warning .* has room for 64 MiB; a log of 16 MiB terms takes 48 MiB/,
  );
  const none = findings(machine, ['-Daeron.term.buffer.length=64m'], { usable: 64 << 20 });
  assert.match(said(none, 'shared memory').join(), /^problem /);
  assert.match(none.find(({ check }) => check === 'shared memory')?.fix ?? '', /docker: --shm-size/);
  assert.match(said(findings(machine, []), 'shared memory').join(), /^ok /);
});

test('socket buffers that the kernel does not allow are raised by a repair', (t) => {
  const machine = virtualMachine(t);
  machine.file('/proc/sys/net/core/rmem_max', '212992');
  machine.file('/proc/sys/net/core/wmem_max', '212992');
  const args = ['-Daeron.socket.so_rcvbuf=2m'];
  const finding = findings(machine, args).find(
    ({ severity, check }) => check === 'socket buffers' && severity === 'problem',
  );
  assert.match(finding?.what ?? '', /^net\.core\.rmem_max allows 208 KiB; .* ask for 2 MiB$/);
  finding?.repair?.apply(machine);
  assert.ok(said(findings(machine, args), 'socket buffers').every((text) => text.startsWith('ok')));
});

test('CPUs of agents are to be isolated, at full speed and near the card', (t) => {
  const machine = twoPortServer(t);
  machine.file('/sys/devices/system/cpu/isolated', '2-3');
  machine.file('/sys/devices/system/cpu/cpu4/cpufreq/scaling_governor', 'powersave');
  for (const [node, list] of [
    [0, '0-7'],
    [1, '8-15'],
  ] as const) {
    machine.file(`/sys/devices/system/node/node${node}/cpulist`, list);
    machine.file(`/sys/devices/system/node/node${node}/distance`, node === 0 ? '10 21' : '21 10');
    machine.file(
      `/sys/devices/system/node/node${node}/meminfo`,
      `Node ${node} MemTotal: 8000000 kB\nNode ${node} MemFree: 4000000 kB`,
    );
  }
  const all = findings(machine, ['-a', '81:00.0', '--', ADDRESS, '-Daeron.sender.cpu.affinity=4']);
  assert.deepEqual(said(all, 'CPUs'), [
    'warning CPU 4: not isolated',
    'warning CPU 4 (powersave): the kernel may clock it down',
    'warning CPU 4 and card 0000:81:00.0 are on different NUMA nodes (the card on 1, distance 21)',
  ]);
  const better = findings(machine, ['-a', '81:00.0', '--', ADDRESS, '-Daeron.sender.cpu.affinity=3']);
  assert.match(said(better, 'CPUs')[0] ?? '', /^ok CPU 3: isolated$/);
  assert.deepEqual(said(findings(machine, []), 'CPUs'), ['warning no agent has a CPU of its own']);
});

test('the low-latency queue of ENA: its memory on the card, and what DPDK is told of it', (t) => {
  const address = '0000:00:06.0';
  const said4 = (resource: string | null, argument = address): string => {
    const machine = ec2Instance(t);
    if (resource !== null) machine.file(`/sys/bus/pci/devices/${address}/resource`, resource);
    return said(findings(machine, ['-a', argument, '--', ADDRESS]), 'cards').find((text) =>
      /low-latency/.test(text),
    )!;
  };
  const none = '0x0000000000000000 0x0000000000000000 0x0000000000000000';
  const registers = '0x00000000fe400000 0x00000000fe403fff 0x0000000000040200';
  const queue = '0x00000000fe600000 0x00000000fe6fffff 0x000000000014220c';
  const withQueue = [registers, none, queue].join('\n');
  assert.match(said4(null), /^ok .* cannot be seen/);
  assert.match(said4(withQueue), /^ok .* has memory/);
  assert.match(said4([registers, none, none].join('\n')), /^warning .* shows no memory/);
  assert.match(said4(withQueue, '00:06.0,llq_policy=0'), /^warning .* switched off \(llq_policy=0\)/);
  assert.match(said4(withQueue, `${address},miss_txc_to=5,large_llq_hdr=1`), /^warning .* long headers/);
  assert.match(said4(withQueue, `${address},llq_policy=1`), /^ok /);
});

test('full datagrams have to fit the port, and every interface that is up', (t) => {
  const machine = virtualMachine(t);
  const dpdk = (...args: string[]) =>
    said(findings(machine, ['-a', '00:04.0', '--', ADDRESS, ...args]), 'MTU');
  assert.match(dpdk().join(), /^ok aeron\.mtu\.length=1408 takes packets of 1436 bytes/);
  const large = ['-Daeron.mtu.length=8k', '-Daeron.socket.so_sndbuf=64k'];
  assert.match(dpdk(...large).join(), /^warning .* 8220 bytes, a port has 1500/);
  assert.match(dpdk(...large, '-Daeron.dpdk.mtu=4000').join(), /^problem .* aeron\.dpdk\.mtu is 4000/);
  assert.match(dpdk(...large, '-Daeron.dpdk.mtu=9000').join(), /^ok /);

  machine.file('/sys/class/net/tun0/mtu', '1400');
  machine.file('/sys/class/net/tun0/operstate', 'down');
  assert.match(said(findings(machine, []), 'MTU').join(), /^ok /);
  machine.file('/sys/class/net/tun0/operstate', 'up');
  assert.match(said(findings(machine, []), 'MTU').join(), /^warning .* more than tun0 \(1400\)$/);
});

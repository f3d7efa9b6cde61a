import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { BindOptions } from '../../src/nic/choose-binding.ts';
import type { FakeMachine } from '../support/fake-machine.ts';
import {
  azureMachine,
  ec2Instance,
  mlx5Server,
  twoPortServer,
  virtualMachine,
} from '../support/fake-machines.ts';
import { binderOn, RECORDED_AT, statePathOf, USUAL } from '../support/nic-bench.ts';

const CARD = '0000:00:04.0';

async function bind(
  machine: FakeMachine,
  card: string,
  options: Partial<BindOptions> = {},
): Promise<string[]> {
  const { binder, lines } = binderOn(machine);
  await binder.bind(card, { ...USUAL, ...options });
  return lines;
}

async function restore(machine: FakeMachine, ...cards: string[]): Promise<string[]> {
  const { binder, lines } = binderOn(machine);
  await binder.restore(cards);
  return lines;
}

/** That a bind is refused with a code, and nothing was changed. */
async function refused(
  machine: FakeMachine,
  card: string,
  code: string,
  message: RegExp,
  options: Partial<BindOptions> = {},
): Promise<void> {
  const before = machine.snapshot();
  await assert.rejects(bind(machine, card, options), { code, message });
  assert.deepEqual(machine.snapshot(), before);
  assert.deepEqual(machine.changes, []);
  assert.equal(existsSync(statePathOf(machine)), false);
}

test('should hand a card to vfio-pci, and give it back as it was', async (t) => {
  const machine = virtualMachine(t);
  const before = machine.snapshot();
  const lines = await bind(machine, 'eth1');
  assert.equal(machine.driverOf(CARD), 'vfio-pci');
  assert.throws(() => machine.interface('eth1'));
  assert.deepEqual(lines, [
    `vfio-pci has ${CARD}. What was there before is in ${statePathOf(machine)}, for "aeron-bypass nic restore".`,
    `# then: aeron-bypass driver -a ${CARD} -- -Daeron.dpdk.local.ipv4.address=10.0.0.5/24`,
  ]);
  assert.deepEqual(await restore(machine), [`Given back: ${CARD}: virtio-pci.`]);
  assert.deepEqual(machine.snapshot(), before);
  assert.deepEqual(binderOn(machine).state.bindings, []);
});

test('should do what the dry run prints, in that order', async (t) => {
  const machine = virtualMachine(t);
  const { binder, lines } = binderOn(machine, { isDryRun: true });
  await binder.bind('eth1', USUAL);
  assert.deepEqual(machine.changes, []);
  assert.equal(existsSync(statePathOf(machine)), false);
  assert.deepEqual(lines.slice(0, -1), [
    `# record in ${statePathOf(machine)}`,
    '# load vfio-pci',
    '[ -e /sys/module/vfio_pci ] || modprobe vfio-pci',
    '[ -e /sys/module/vfio_iommu_type1 ] || modprobe vfio_iommu_type1',
    '# take eth1 down',
    'ip link set dev eth1 down',
    `# take ${CARD} from virtio-pci`,
    `echo ${CARD} > /sys/bus/pci/drivers/virtio-pci/unbind`,
    `# reserve ${CARD} for vfio-pci`,
    `echo vfio-pci > /sys/bus/pci/devices/${CARD}/driver_override`,
    `# give ${CARD} to vfio-pci`,
    `echo ${CARD} > /sys/bus/pci/drivers/vfio-pci/bind`,
    `# check that vfio-pci has ${CARD}`,
  ]);
  await bind(machine, 'eth1');
  const shown = lines
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.replace(/^\[.*\] \|\| /, '').replace(/^echo (\S+) > (\S+)$/, 'write $2 $1'));
  assert.deepEqual(machine.changes, shown);
});

test('should print how a card is given back', async (t) => {
  const machine = virtualMachine(t);
  await bind(machine, 'eth1');
  const { binder, lines } = binderOn(machine, { isDryRun: true });
  const before = machine.changes.length;
  await binder.restore(['eth1']);
  assert.equal(machine.changes.length, before);
  assert.deepEqual(lines, [
    `# give back ${CARD}`,
    `# undo: give ${CARD} to vfio-pci`,
    `[ ! -e /sys/bus/pci/drivers/vfio-pci/${CARD} ] || echo ${CARD} > /sys/bus/pci/drivers/vfio-pci/unbind`,
    `# undo: reserve ${CARD} for vfio-pci`,
    `echo > /sys/bus/pci/devices/${CARD}/driver_override`,
    `# undo: take ${CARD} from virtio-pci`,
    'modprobe virtio-pci || true',
    `[ -e /sys/bus/pci/devices/${CARD}/driver ] || echo ${CARD} > /sys/bus/pci/drivers/virtio-pci/bind`,
    `# check that virtio-pci has ${CARD}`,
    '# undo: take eth1 down',
    `# wait for the interface of ${CARD}, 52:54:00:00:00:02, and call it eth1`,
    'ip link set dev eth1 mtu 9000',
    'ip link set dev eth1 up',
    'ip address replace 10.0.0.5/24 broadcast 10.0.0.255 dev eth1 scope global label eth1',
    'ip -4 route replace 10.0.0.0/24 dev eth1 protocol boot table main scope link',
    'ip -4 route replace 10.9.0.0/16 via 10.0.0.1 dev eth1 protocol static table main metric 50',
  ]);
});

test('should record in one readable file what a card was like', async (t) => {
  const machine = virtualMachine(t);
  await bind(machine, 'eth1');
  const { version, bindings } = JSON.parse(readFileSync(statePathOf(machine), 'utf8'));
  assert.equal(version, 1);
  assert.equal(bindings.length, 1);
  const [{ driver, phase, recordedAt, cards }] = bindings;
  assert.deepEqual(
    { driver, phase, recordedAt },
    { driver: 'vfio-pci', phase: 'bound', recordedAt: RECORDED_AT },
  );
  assert.equal(cards[0].kernelDriver, 'virtio-pci');
  const [{ name, mtu, isUp, addresses, routes }] = cards[0].interfaces;
  assert.deepEqual({ name, mtu, isUp }, { name: 'eth1', mtu: 9000, isUp: true });
  assert.equal(addresses[0].address, '10.0.0.5');
  assert.equal(addresses[0].prefixLength, 24);
  assert.equal(routes[1].hops[0].gateway, '10.0.0.1');
});

test('should bind a bound card once only, and not to another driver', async (t) => {
  const machine = virtualMachine(t);
  await bind(machine, 'eth1');
  assert.deepEqual(await bind(machine, CARD), [`vfio-pci has ${CARD} already.`]);
  await assert.rejects(bind(machine, CARD, { driver: 'uio_pci_generic' }), { code: 'NIC_BOUND' });
});

test('should refuse a card that does not exist, and say which there are', async (t) => {
  const machine = virtualMachine(t);
  for (const card of ['eth7', '0000:00:09.0', '0000:00:05.0', '../eth1', '']) {
    await refused(machine, card, 'NIC_NOT_FOUND', /This machine has: 0000:00:03\.0 eth0, 0000:00:04\.0 eth1/);
  }
});

test('should refuse the card of the default route, unless told to take it', async (t) => {
  const machine = virtualMachine(t);
  await refused(machine, 'eth0', 'NIC_UNSAFE', /0000:00:03\.0 carries the default route \(eth0\)\. --force/);
  const before = machine.snapshot();
  await bind(machine, 'eth0', { force: true });
  assert.equal(machine.driverOf('0000:00:03.0'), 'vfio-pci');
  await restore(machine);
  assert.deepEqual(machine.snapshot(), before);
});

test('should refuse the card of the current SSH connection', async (t) => {
  const machine = virtualMachine(t);
  const { binder } = binderOn(machine, { sshConnection: '10.0.0.9 50000 10.0.0.5 22' });
  await assert.rejects(binder.bind('eth1', USUAL), { code: 'NIC_UNSAFE', message: /connection you came by/ });
  assert.deepEqual(machine.changes, []);
  await binder.bind('eth1', { ...USUAL, force: true });
  assert.equal(machine.driverOf(CARD), 'vfio-pci');
});

test('should refuse to break an IOMMU group, and take all of it when told to', async (t) => {
  const machine = twoPortServer(t);
  await refused(machine, '81:00.0', 'NIC_GROUP', /group 20 with 0000:81:00\.1 \(ixgbe\).*--group/s);
  const before = machine.snapshot();
  await bind(machine, '81:00.0', { group: true });
  assert.equal(machine.driverOf('0000:81:00.0'), 'vfio-pci');
  assert.equal(machine.driverOf('0000:81:00.1'), 'vfio-pci');
  assert.equal(machine.driverOf('0000:80:01.0'), 'pcieport');
  // Either of them names the binding.
  await restore(machine, 'enp129s0f1');
  assert.deepEqual(machine.snapshot(), before);
});

test('should refuse a group whose other card carries the default route', async (t) => {
  const machine = twoPortServer(t);
  machine.routes = [{ dst: 'default', gateway: '10.1.0.254', dev: 'enp129s0f0' }];
  await refused(machine, '81:00.1', 'NIC_UNSAFE', /0000:81:00\.0 carries the default route/, { group: true });
});

test('should refuse vfio-pci without an IOMMU, and go without one when told to', async (t) => {
  const machine = ec2Instance(t);
  await refused(machine, 'ens6', 'NIC_NO_IOMMU', /0000:00:06\.0 is in no IOMMU group.*--no-iommu/s);
  machine.hasNoIommuMode = true;
  const before = machine.snapshot() as { noIommu: string | null };
  const lines = await bind(machine, 'ens6', { noIommu: true });
  assert.match(lines.join('\n'), /nothing keeps the card.*write-combining.*docs\/guide\/aws\.md/s);
  assert.equal(machine.driverOf('0000:00:06.0'), 'vfio-pci');
  await restore(machine);
  // The module that has the switch stays loaded.
  assert.deepEqual(machine.snapshot(), { ...before, noIommu: 'N' });
});

test('should say that the kernel has no way to do without an IOMMU, and put the card back', async (t) => {
  const machine = ec2Instance(t);
  const before = machine.snapshot();
  await assert.rejects(bind(machine, 'ens6', { noIommu: true }), {
    code: 'NIC_BIND',
    message: /CONFIG_VFIO_NOIOMMU.*Everything is as it was/s,
  });
  assert.deepEqual(machine.snapshot(), before);
});

test('should give back what vfio did without an IOMMU before the first of several cards', async (t) => {
  const machine = ec2Instance(t);
  machine.hasNoIommuMode = true;
  machine.routes = [];
  await bind(machine, 'ens5', { noIommu: true });
  await bind(machine, 'ens6', { noIommu: true });
  await restore(machine, 'ens5');
  await restore(machine, 'ens6');
  assert.equal((machine.snapshot() as { noIommu: string }).noIommu, 'N');
});

test('should load igb_uio with write-combining for ENA', async (t) => {
  const machine = ec2Instance(t);
  await refused(machine, 'ens6', 'NIC_NO_MODULE', /6\.1\.0-fake, has no module igb_uio.*dpdk-kmods/s, {
    driver: 'igb_uio',
  });
  machine.setModules('igb_uio');
  const lines = await bind(machine, 'ens6', { driver: 'igb_uio' });
  assert.ok(machine.changes.includes('modprobe igb_uio wc_activate=1'));
  assert.doesNotMatch(lines.join('\n'), /write-combining|wc_activate/);
});

test('should need no modprobe for what is loaded', async (t) => {
  const machine = virtualMachine(t);
  machine.run('modprobe', ['vfio-pci', 'vfio_iommu_type1']);
  machine.changes.length = 0;
  await bind(machine, 'eth1');
  assert.ok(!machine.changes.some((change) => change.startsWith('modprobe')));
  assert.equal(machine.driverOf(CARD), 'vfio-pci');
});

test('should warn when igb_uio was loaded before', async (t) => {
  const machine = ec2Instance(t);
  machine.setModules('igb_uio');
  machine.run('modprobe', ['igb_uio']);
  assert.match((await bind(machine, 'ens6', { driver: 'igb_uio' }))[0]!, /loaded already.*wc_activate=1/);
});

test('should refuse drivers that set up no IOMMU where one would stop the card', async (t) => {
  const machine = virtualMachine(t);
  const options = { driver: 'uio_pci_generic' };
  await refused(
    machine,
    'eth1',
    'NIC_IOMMU',
    /uio_pci_generic sets up no IOMMU.*group 3, type DMA-FQ/s,
    options,
  );
  machine.file('/sys/kernel/iommu_groups/3/type', 'identity');
  await bind(machine, 'eth1', options);
  assert.equal(machine.driverOf(CARD), 'uio_pci_generic');
});

test('should take nothing from mlx5, and load what DPDK needs beside it', async (t) => {
  const machine = mlx5Server(t);
  const before = machine.snapshot();
  assert.match((await bind(machine, 'ens3f0'))[0]!, /stays with mlx5_core.*nothing to unbind/);
  assert.deepEqual(machine.changes, ['modprobe ib_uverbs', 'modprobe mlx5_ib']);
  assert.deepEqual(machine.snapshot(), before);
  assert.equal(existsSync(statePathOf(machine)), false);
});

test('should take the synthetic device of Azure, and give it back', async (t) => {
  const machine = azureMachine(t);
  const before = machine.snapshot();
  await bind(machine, 'eth1');
  assert.equal(machine.driverOf('000d3a6c-58f5-000d-3a6c-58f5000d3a6c'), 'uio_hv_generic');
  const { binder } = binderOn(machine);
  await binder.unbind('000d3a6c-58f5-000d-3a6c-58f5000d3a6c');
  assert.deepEqual(machine.snapshot(), before);
});

test('should refuse a card that DPDK has no driver for', async (t) => {
  const machine = virtualMachine(t);
  machine.file(`/sys/bus/pci/devices/${CARD}/device`, '0x7777');
  await refused(machine, 'eth1', 'NIC_NO_DPDK_DRIVER', /\[1af4:7777\]/);
});

test('should put a card back when the new driver refuses it', async (t) => {
  const machine = virtualMachine(t);
  machine.refusals.set('vfio-pci', 'EINVAL');
  const before = machine.snapshot();
  await assert.rejects(bind(machine, 'eth1'), {
    code: 'NIC_BIND',
    message:
      /could not give 0000:00:04\.0 to vfio-pci: "echo .*EINVAL.*"dmesg" says more\. Everything is as it was/s,
  });
  assert.deepEqual(machine.snapshot(), before);
  assert.deepEqual(binderOn(machine).state.bindings, []);
});

test('should notice when the new driver takes nothing without a word', async (t) => {
  const machine = virtualMachine(t);
  machine.refusals.set('vfio-pci', '');
  const before = machine.snapshot();
  await assert.rejects(bind(machine, 'eth1'), {
    code: 'NIC_BIND',
    message: /check that vfio-pci has 0000:00:04\.0": no driver has it\. Everything is as it was/,
  });
  assert.deepEqual(machine.snapshot(), before);
});

test('should give back no card that a program has in use', async (t) => {
  const machine = virtualMachine(t);
  await bind(machine, 'eth1');
  machine.file('/proc/600/comm', 'node');
  machine.mark('/proc/600/fd/9', '/dev/vfio/3');
  const before = machine.changes.length;
  for (const give of ['unbind', 'restore'] as const) {
    const { binder } = binderOn(machine);
    const given = give === 'unbind' ? binder.unbind(CARD) : binder.restore([]);
    await assert.rejects(given, { code: 'NIC_IN_USE', message: /process 600 \(node\)/ });
  }
  assert.equal(machine.changes.length, before);
});

test('should give back a card that another program has bound', async (t) => {
  const machine = virtualMachine(t);
  machine.run('modprobe', ['vfio-pci']);
  machine.write('/sys/bus/pci/drivers/virtio-pci/unbind', CARD);
  machine.write(`/sys/bus/pci/devices/${CARD}/driver_override`, 'vfio-pci');
  machine.write('/sys/bus/pci/drivers/vfio-pci/bind', CARD);
  const { binder, lines } = binderOn(machine);
  await binder.unbind(CARD);
  assert.equal(machine.driverOf(CARD), 'virtio-pci');
  assert.match(lines[0]!, /virtio-pci\. Its configuration was not recorded/);
});

test('should call an interface as before when it comes back by another name', async (t) => {
  const machine = virtualMachine(t);
  machine.interface('eth1').name = 'wan0';
  for (const route of ['10.0.0.0/24', '10.9.0.0/16']) {
    machine.routes = machine.routes.map((one) => (one.dst === route ? { ...one, dev: 'wan0' } : one));
  }
  machine.link('/sys/class/net/wan0', '/sys/devices/pci0000:00/0000:00:04.0/virtio0/net/eth1');
  const before = machine.snapshot();
  await bind(machine, 'wan0');
  await restore(machine);
  assert.deepEqual(machine.snapshot(), before);
});

test('should bring an interface back into its bridge', async (t) => {
  const machine = virtualMachine(t);
  machine.interface('eth1').master = 'br0';
  machine.file('/sys/class/net/eth1/upper_br0', '');
  await refused(machine, 'eth1', 'NIC_UNSAFE', /is part of br0/);
  const before = machine.snapshot();
  await bind(machine, 'eth1', { force: true });
  await restore(machine);
  assert.deepEqual(machine.snapshot(), before);
});

test('should leave an interface down that was down', async (t) => {
  const machine = virtualMachine(t);
  machine.interface('eth1').isUp = false;
  machine.routes = machine.routes.filter(({ dev }) => dev !== 'eth1');
  const before = machine.snapshot();
  await bind(machine, 'eth1');
  await restore(machine);
  assert.deepEqual(machine.snapshot(), before);
});

test('should give back a lease with the time it had left', async (t) => {
  const machine = ec2Instance(t);
  machine.setModules('uio_pci_generic');
  const before = machine.snapshot();
  await bind(machine, 'ens6', { driver: 'uio_pci_generic' });
  await restore(machine);
  assert.deepEqual(machine.snapshot(), before);
});

test('should give back routes to a prefix that a network manager made in the name of the kernel', async (t) => {
  const machine = virtualMachine(t);
  const eth1 = machine.interface('eth1');
  eth1.addresses = [
    {
      family: 'inet',
      local: '10.0.0.5',
      prefixlen: 24,
      scope: 'global',
      noprefixroute: true,
      label: 'eth1',
      valid_life_time: 0xffffffff,
      preferred_life_time: 0xffffffff,
    },
  ];
  machine.routes = [{ dst: '10.0.0.0/24', dev: 'eth1', protocol: 'kernel', scope: 'link', metric: 100 }];
  const before = machine.snapshot();
  await bind(machine, 'eth1');
  await restore(machine);
  assert.deepEqual(machine.snapshot(), before);
});

test('should give the configuration back after a reboot', async (t) => {
  const machine = virtualMachine(t);
  const before = machine.snapshot();
  const { routes } = machine;
  await bind(machine, 'eth1');
  machine.reboot();
  // What the system configures by itself.
  const eth0 = machine.interface('eth0');
  eth0.isUp = true;
  eth0.addresses = (before as { interfaces: (typeof eth0)[] }).interfaces[0]!.addresses;
  machine.routes = routes.filter(({ dev }) => dev === 'eth0');
  await restore(machine);
  assert.deepEqual(machine.snapshot(), before);
});

test('should leave alone what the system has configured after a reboot', async (t) => {
  const machine = virtualMachine(t);
  await bind(machine, 'eth1');
  machine.reboot();
  const eth1 = machine.interface('eth1');
  eth1.isUp = true;
  eth1.addresses = [{ family: 'inet', local: '10.7.7.7', prefixlen: 8, scope: 'global' }];
  const before = machine.snapshot();
  await restore(machine);
  assert.deepEqual(machine.snapshot(), before);
  assert.deepEqual(binderOn(machine).state.bindings, []);
});

test('should bind again after a reboot with what was recorded before', async (t) => {
  const machine = virtualMachine(t);
  const before = machine.snapshot() as { interfaces: unknown[] };
  await bind(machine, 'eth1');
  machine.reboot();
  await bind(machine, CARD);
  assert.equal(machine.driverOf(CARD), 'vfio-pci');
  await restore(machine);
  const after = machine.snapshot() as { interfaces: unknown[] };
  assert.deepEqual(after.interfaces[1], before.interfaces[1]);
});

test('should drop the record of a card that is gone', async (t) => {
  const machine = virtualMachine(t);
  await bind(machine, 'eth1');
  const text = readFileSync(statePathOf(machine), 'utf8').replaceAll(CARD, '0000:00:1f.0');
  writeFileSync(statePathOf(machine), text);
  assert.match((await restore(machine))[0]!, /0000:00:1f\.0 is not in this machine any more/);
  assert.deepEqual(binderOn(machine).state.bindings, []);
});

const MACHINES = { virtualMachine, twoPortServer, ec2Instance, azureMachine };
type MachineName = keyof typeof MACHINES;
const BINDS: Readonly<Record<MachineName, { card: string; options: Partial<BindOptions> }>> = {
  virtualMachine: { card: 'eth1', options: {} },
  twoPortServer: { card: '81:00.0', options: { group: true } },
  ec2Instance: { card: 'ens6', options: { noIommu: true } },
  azureMachine: { card: 'eth1', options: {} },
};

function machineFor(t: TestContext, name: MachineName): FakeMachine {
  const machine = MACHINES[name](t);
  if (name !== 'ec2Instance') return machine;
  machine.hasNoIommuMode = true;
  // So that the switch is there before and after.
  machine.run('modprobe', ['vfio-pci']);
  machine.changes.length = 0;
  return machine;
}

/** The machine's files are kept in the kernel's memory: a cut leaves only the state file as it was on disk then. */
function cutPowerAt(machine: FakeMachine, index: number): void {
  const kept = `${statePathOf(machine)}.kept`;
  const first = machine.changes.length;
  let isCut = false;
  machine.fault = () => {
    if (!isCut && machine.changes.length - first <= index) return;
    if (!isCut && existsSync(statePathOf(machine))) copyFileSync(statePathOf(machine), kept);
    isCut = true;
    throw new Error('power cut');
  };
}

function powerOn(machine: FakeMachine): void {
  machine.fault = () => {};
  const kept = `${statePathOf(machine)}.kept`;
  if (existsSync(kept)) copyFileSync(kept, statePathOf(machine));
}

for (const name of Object.keys(BINDS) as MachineName[]) {
  const { card, options } = BINDS[name];

  test(`should be as before when any one step of a bind fails: ${name}`, async (t) => {
    let steps = 1;
    for (let failing = 0; failing < steps; failing++) {
      const machine = machineFor(t, name);
      const before = machine.snapshot();
      machine.fault = () => {
        if (machine.changes.length === failing + 1) throw new Error('injected');
      };
      await assert.rejects(bind(machine, card, options), {
        code: 'NIC_BIND',
        message: /Everything is as it was/,
      });
      assert.deepEqual(machine.snapshot(), before, `change ${failing}`);
      assert.deepEqual(binderOn(machine).state.bindings, []);
      if (failing > 0) continue;
      const whole = machineFor(t, name);
      await bind(whole, card, options);
      steps = whole.changes.length;
      assert.ok(steps >= 5);
    }
  });

  for (const isReboot of [false, true]) {
    const what = isReboot ? 'power is cut' : 'the program is killed';
    test(`should give back what it took when ${what} before any step of a bind: ${name}`, async (t) => {
      for (let step = 0; ; step++) {
        const machine = machineFor(t, name);
        const before = machine.snapshot() as { interfaces: unknown[]; drivers: unknown; overrides: unknown };
        cutPowerAt(machine, step);
        const isDone = await bind(machine, card, options).then(
          () => true,
          () => false,
        );
        powerOn(machine);
        if (isReboot) machine.reboot();
        await restore(machine);
        const after = machine.snapshot() as typeof before;
        assert.deepEqual(after.drivers, before.drivers);
        assert.deepEqual(after.overrides, before.overrides);
        assert.deepEqual(binderOn(machine).state.bindings, []);
        if (!isReboot) assert.deepEqual(after, before, `step ${step}`);
        if (isDone) break;
      }
    });
  }

  test(`should finish a restore that was interrupted before any step: ${name}`, async (t) => {
    for (let step = 0; ; step++) {
      const machine = machineFor(t, name);
      const before = machine.snapshot();
      await bind(machine, card, options);
      cutPowerAt(machine, step);
      const isDone = await restore(machine).then(
        () => true,
        () => false,
      );
      powerOn(machine);
      await restore(machine);
      assert.deepEqual(machine.snapshot(), before, `step ${step}`);
      if (isDone) break;
    }
  });

  test(`should keep the record when any one step of a restore fails, and succeed the next time: ${name}`, async (t) => {
    for (let failing = 0; ; failing++) {
      const machine = machineFor(t, name);
      const before = machine.snapshot();
      await bind(machine, card, options);
      const first = machine.changes.length;
      machine.fault = () => {
        if (machine.changes.length === first + failing + 1) throw new Error('injected');
      };
      const error = await restore(machine).then(
        () => null,
        (reason) => reason,
      );
      const isPastEnd = machine.changes.length <= first + failing;
      machine.fault = () => {};
      if (error !== null) {
        assert.equal(error.code, 'NIC_RESTORE');
        assert.equal(binderOn(machine).state.bindings.length, 1);
        await restore(machine);
      }
      assert.deepEqual(machine.snapshot(), before, `change ${failing}`);
      if (isPastEnd) break;
    }
  });
}

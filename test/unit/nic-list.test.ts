import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatCards } from '../../src/cli/nic/list.ts';
import { readRemoteSessions } from '../../src/host/remote-session.ts';
import { type NetworkCard, readNetworkCards, readNetworkView } from '../../src/nic/network-card.ts';
import type { FakeMachine } from '../support/fake-machine.ts';
import {
  azureMachine,
  ec2Instance,
  mlx5Server,
  twoPortServer,
  virtualMachine,
} from '../support/fake-machines.ts';
import { binderOn, USUAL } from '../support/nic-bench.ts';

const PID = 500;

function cardsOf(machine: FakeMachine, sshConnection?: string): NetworkCard[] {
  const sessions = readRemoteSessions(machine, PID, sshConnection);
  return readNetworkCards(machine, readNetworkView(machine, sessions));
}

function cardOf(machine: FakeMachine, address: string, sshConnection?: string): NetworkCard {
  return cardsOf(machine, sshConnection).find((card) => card.address === address)!;
}

function codesOf(card: NetworkCard): string[] {
  return card.hazards.map(({ code }) => code);
}

test('should list network devices only, by address', (t) => {
  assert.deepEqual(
    cardsOf(virtualMachine(t)).map(({ address }) => address),
    ['0000:00:03.0', '0000:00:04.0'],
  );
});

test('should tell of a virtio card all there is to know', (t) => {
  const card = cardOf(virtualMachine(t), '0000:00:04.0');
  assert.equal(card.driver, 'virtio-pci');
  assert.deepEqual(card.dpdkDriver, { name: 'net_virtio', path: 'exclusive' });
  assert.equal(card.iommuGroup, 3);
  assert.equal(card.isSafe, true);
  const [one] = card.interfaces;
  assert.equal(one?.name, 'eth1');
  assert.equal(one?.mtu, 9000);
  assert.equal(one?.isUp, true);
  assert.equal(one?.hasLink, true);
  assert.equal(one?.speedMbps, 10000);
  assert.equal(one?.addresses[0]?.address, '10.0.0.5');
  assert.equal(one?.addresses[0]?.prefixLength, 24);
});

test('should find the card of the default route unsafe', (t) => {
  const card = cardOf(virtualMachine(t), '0000:00:03.0');
  assert.equal(card.carriesDefaultRoute, true);
  assert.deepEqual(codesOf(card), ['DEFAULT_ROUTE']);
});

test('should find the default route through a bridge', (t) => {
  const machine = virtualMachine(t);
  machine.routes = [{ dst: 'default', gateway: '10.0.0.1', dev: 'br0' }];
  machine.file('/sys/class/net/br0/upper_vlan7', '');
  machine.file('/sys/class/net/eth1/upper_br0', '');
  machine.interface('eth1').master = 'br0';
  const card = cardOf(machine, '0000:00:04.0');
  assert.deepEqual(codesOf(card), ['DEFAULT_ROUTE', 'PART_OF']);
  assert.match(card.hazards[1]!.text, /part of br0, vlan7/);
});

test('should find a default route among several hops, and the halves of a VPN', (t) => {
  const machine = virtualMachine(t);
  machine.routes = [
    {
      dst: 'default',
      dev: '',
      nexthops: [
        { dev: 'eth0', gateway: '192.0.2.1' },
        { dev: 'eth1', gateway: '10.0.0.1' },
      ],
    },
  ];
  assert.deepEqual(codesOf(cardOf(machine, '0000:00:04.0')), ['DEFAULT_ROUTE']);
  machine.routes = [{ dst: '128.0.0.0/1', gateway: '10.0.0.1', dev: 'eth1' }];
  assert.deepEqual(codesOf(cardOf(machine, '0000:00:04.0')), ['DEFAULT_ROUTE']);
});

test('should find the card that SSH came by: from the environment', (t) => {
  const machine = virtualMachine(t);
  assert.deepEqual(codesOf(cardOf(machine, '0000:00:04.0', '10.0.0.9 50000 10.0.0.5 22')), [
    'REMOTE_SESSION',
  ]);
  assert.deepEqual(codesOf(cardOf(machine, '0000:00:04.0', '10.0.0.9 50000 10.0.0.6 22')), []);
  assert.deepEqual(codesOf(cardOf(machine, '0000:00:04.0', '::ffff:10.0.0.9 50000 ::ffff:10.0.0.5 22')), [
    'REMOTE_SESSION',
  ]);
});

test('should find the card that SSH came by over a link-local address, by its zone', (t) => {
  const machine = virtualMachine(t);
  assert.deepEqual(codesOf(cardOf(machine, '0000:00:04.0', 'fe80::9%eth1 50000 fe80::5%eth1 22')), [
    'REMOTE_SESSION',
  ]);
  assert.deepEqual(codesOf(cardOf(machine, '0000:00:03.0', 'fe80::9%eth1 50000 fe80::5%eth1 22')), [
    'DEFAULT_ROUTE',
  ]);
});

test('should find the card that SSH came by: from the shell above sudo', (t) => {
  const machine = virtualMachine(t);
  machine.file(`/proc/${PID}/stat`, `${PID} (node) S 400 1`);
  machine.file('/proc/400/stat', '400 (a (b) c) S 300 1');
  machine.file('/proc/400/environ', 'HOME=/root\0SSH_CONNECTION=10.0.0.9 50000 10.0.0.5 22\0');
  assert.deepEqual(codesOf(cardOf(machine, '0000:00:04.0')), ['REMOTE_SESSION']);
});

test('should find the card that SSH came by: from the sockets of sshd above', (t) => {
  const machine = virtualMachine(t);
  machine.file(`/proc/${PID}/stat`, `${PID} (node) S 400 1`);
  machine.file('/proc/400/stat', '400 (sshd) S 1 1');
  machine.file('/proc/400/comm', 'sshd');
  machine.mark('/proc/400/fd/4', 'socket:[777]');
  const header =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
  const socket = (local: string, state: string): string =>
    `   0: ${local} 0900000A:C350 ${state} 00000000:00000000 00:00000000 00000000     0        0 777 1`;
  machine.file('/proc/net/tcp', `${header}\n${socket('0500000A:0016', '0A')}`);
  assert.deepEqual(codesOf(cardOf(machine, '0000:00:04.0')), []);
  machine.file('/proc/net/tcp', `${header}\n${socket('0500000A:0016', '01')}`);
  const card = cardOf(machine, '0000:00:04.0');
  assert.deepEqual(codesOf(card), ['REMOTE_SESSION']);
  assert.match(card.hazards[0]!.text, /10\.0\.0\.5 on eth1, by process 400 \(sshd\)/);
  machine.file('/proc/net/tcp', header);
  machine.file('/proc/net/tcp6', `${header}\n${socket('0000000000000000FFFF00000500000A:0016', '01')}`);
  assert.deepEqual(codesOf(cardOf(machine, '0000:00:04.0')), ['REMOTE_SESSION']);
});

test('should name the fellows of an IOMMU group, bridges aside', (t) => {
  const card = cardOf(twoPortServer(t), '0000:81:00.0');
  assert.equal(card.numaNode, 1);
  assert.deepEqual(card.groupFellows, ['0000:81:00.1']);
});

test('should know an ENA card, and that there is no IOMMU', (t) => {
  const card = cardOf(ec2Instance(t), '0000:00:06.0');
  assert.equal(card.dpdkDriver?.name, 'net_ena');
  assert.equal(card.iommuGroup, null);
  assert.equal(card.isSafe, true);
});

test('should know that the kernel driver of mlx5 stays', (t) => {
  assert.deepEqual(cardsOf(mlx5Server(t))[0]?.dpdkDriver, { name: 'mlx5_eth', path: 'bifurcated' });
});

test('should list the synthetic device of Azure', (t) => {
  const [card] = cardsOf(azureMachine(t));
  assert.equal(card?.bus, 'vmbus');
  assert.equal(card?.dpdkDriver?.name, 'net_netvsc');
  assert.equal(card?.interfaces[0]?.name, 'eth1');
});

test('should find a card unsafe whose interface is in another namespace, or that has virtual functions', (t) => {
  const machine = twoPortServer(t);
  machine.interface('eno1').name = 'gone';
  machine.file('/sys/bus/pci/devices/0000:81:00.0/sriov_numvfs', '4');
  assert.deepEqual(codesOf(cardOf(machine, '0000:81:00.0')), ['VIRTUAL_FUNCTIONS']);
  assert.deepEqual(codesOf(cardOf(machine, '0000:00:19.0')), ['ELSEWHERE']);
});

test('should say who uses a card that was handed to programs', (t) => {
  const machine = virtualMachine(t);
  machine.run('modprobe', ['vfio-pci']);
  machine.write('/sys/bus/pci/drivers/virtio-pci/unbind', '0000:00:04.0');
  machine.write('/sys/bus/pci/devices/0000:00:04.0/driver_override', 'vfio-pci');
  machine.write('/sys/bus/pci/drivers/vfio-pci/bind', '0000:00:04.0');
  assert.equal(cardOf(machine, '0000:00:04.0').isForUser, true);
  assert.equal(cardOf(machine, '0000:00:04.0').isSafe, true);
  machine.file('/proc/600/comm', 'node');
  machine.mark('/proc/600/fd/9', '/dev/vfio/3');
  const card = cardOf(machine, '0000:00:04.0');
  assert.deepEqual(codesOf(card), ['IN_USE']);
  assert.equal(card.hazards[0]?.text, 'is in use: process 600 (node) has /dev/vfio/3 open');
});

test('should take names from the list of PCI ids', (t) => {
  const machine = twoPortServer(t);
  machine.file(
    '/usr/share/misc/pci.ids',
    '# list\n1234  Other\n\t10fb  Not this\n8086  Intel Corporation\n\t1533  I210\n\t10fb  82599ES\n\t\t8086 0003  Sub\n8087  Next\n\t0001  X',
  );
  assert.equal(cardOf(machine, '0000:81:00.0').name, 'Intel Corporation 82599ES');
  assert.equal(cardOf(machine, '0000:00:19.0').name, 'Intel Corporation I210');
});

test('should print a paragraph for each card', (t) => {
  const cards = cardsOf(virtualMachine(t)).map((card) => ({ ...card, binding: null }));
  const text = formatCards(cards, (_style, plain) => plain);
  assert.equal(
    text,
    `0000:00:03.0  [1af4:1041]
  driver        virtio-pci; DPDK: net_virtio
  interface     eth0, up, link, 10000 Mbit/s, MTU 1500, 52:54:00:00:00:01, 192.0.2.10/24
  place         IOMMU group 2
  safe to take  no: it carries the default route (eth0)

0000:00:04.0  [1af4:1041]
  driver        virtio-pci; DPDK: net_virtio
  interface     eth1, up, link, 10000 Mbit/s, MTU 9000, 52:54:00:00:00:02, 10.0.0.5/24
  place         IOMMU group 3
  safe to take  yes
`,
  );
});

test('should print of a card that was taken what it was like before, and when it was left half-way', async (t) => {
  const machine = virtualMachine(t);
  await binderOn(machine).binder.bind('eth1', USUAL);
  const { state } = binderOn(machine);
  const [, card] = cardsOf(machine);
  const [binding] = state.bindings;
  const textOf = (phase: 'bound' | 'binding'): string =>
    formatCards([{ ...card!, binding: { ...binding!, phase } }], (_style, plain) => plain);
  assert.equal(
    textOf('bound'),
    `0000:00:04.0  [1af4:1041]
  driver        vfio-pci; DPDK: net_virtio
  place         IOMMU group 3
  before        virtio-pci; eth1, MTU 9000, 10.0.0.5/24
  safe to take  taken: a program can use it now
`,
  );
  assert.match(textOf('binding'), /safe to take {2}no: it was left half-way, "aeron-bypass nic restore"/);
});

import type { TestContext } from 'node:test';
import { FakeMachine } from './fake-machine.ts';

const FOREVER = { valid_life_time: 0xffffffff, preferred_life_time: 0xffffffff };

function address(local: string, prefixlen: number, broadcast: string, label: string) {
  return { family: 'inet' as const, local, prefixlen, broadcast, scope: 'global', label, ...FOREVER };
}

/** A VM whose only way out, eth0, is virtio, and a second card, eth1, with an address, a static route and an MTU. */
export function virtualMachine(t: TestContext): FakeMachine {
  const machine = new FakeMachine(t, [
    {
      address: '0000:00:03.0',
      vendorId: '1af4',
      deviceId: '1041',
      kernelDriver: 'virtio-pci',
      isVirtio: true,
      iommuGroup: 2,
      interface: { name: 'eth0', mac: '52:54:00:00:00:01' },
    },
    {
      address: '0000:00:04.0',
      vendorId: '1af4',
      deviceId: '1041',
      kernelDriver: 'virtio-pci',
      isVirtio: true,
      iommuGroup: 3,
      interface: { name: 'eth1', mac: '52:54:00:00:00:02' },
    },
    {
      address: '0000:00:05.0',
      vendorId: '1af4',
      deviceId: '1042',
      kernelDriver: 'virtio-pci',
      classCode: '010000',
      iommuGroup: 4,
    },
  ]);
  const eth0 = machine.interface('eth0');
  eth0.isUp = true;
  eth0.addresses = [address('192.0.2.10', 24, '192.0.2.255', 'eth0')];
  const eth1 = machine.interface('eth1');
  eth1.isUp = true;
  eth1.mtu = 9000;
  eth1.addresses = [address('10.0.0.5', 24, '10.0.0.255', 'eth1')];
  machine.routes = [
    { dst: 'default', gateway: '192.0.2.1', dev: 'eth0', protocol: 'boot' },
    { dst: '10.0.0.0/24', dev: 'eth1', protocol: 'boot', scope: 'link' },
    { dst: '10.9.0.0/16', gateway: '10.0.0.1', dev: 'eth1', protocol: 'static', metric: 50 },
  ];
  return machine;
}

/** An EC2 instance: two ENA cards, no IOMMU, the default route over the first. */
export function ec2Instance(t: TestContext): FakeMachine {
  const machine = new FakeMachine(t, [
    {
      address: '0000:00:05.0',
      vendorId: '1d0f',
      deviceId: 'ec20',
      kernelDriver: 'ena',
      interface: { name: 'ens5', mac: '02:00:00:00:00:01' },
    },
    {
      address: '0000:00:06.0',
      vendorId: '1d0f',
      deviceId: 'ec20',
      kernelDriver: 'ena',
      interface: { name: 'ens6', mac: '02:00:00:00:00:02' },
    },
  ]);
  for (const [name, local] of [
    ['ens5', '172.31.0.5'],
    ['ens6', '172.31.0.6'],
  ] as const) {
    const one = machine.interface(name);
    one.isUp = true;
    one.mtu = 9001;
    const lease = { dynamic: true, valid_life_time: 3000, preferred_life_time: 3000 };
    one.addresses = [{ ...address(local, 20, '172.31.15.255', name), ...lease }];
  }
  machine.routes = [{ dst: 'default', gateway: '172.31.0.1', dev: 'ens5', protocol: 'dhcp', metric: 512 }];
  return machine;
}

/** A server with both ports of an ixgbe card in one IOMMU group, and its way out over another card. */
export function twoPortServer(t: TestContext): FakeMachine {
  const port = { vendorId: '8086', deviceId: '10fb', kernelDriver: 'ixgbe', numaNode: 1, iommuGroup: 20 };
  const machine = new FakeMachine(t, [
    {
      address: '0000:00:19.0',
      vendorId: '8086',
      deviceId: '1533',
      kernelDriver: 'igb',
      numaNode: 0,
      iommuGroup: 7,
      interface: { name: 'eno1', mac: 'a0:00:00:00:00:01' },
    },
    { ...port, address: '0000:81:00.0', interface: { name: 'enp129s0f0', mac: 'a0:00:00:00:00:02' } },
    { ...port, address: '0000:81:00.1', interface: { name: 'enp129s0f1', mac: 'a0:00:00:00:00:03' } },
    {
      address: '0000:80:01.0',
      vendorId: '8086',
      deviceId: '6f02',
      kernelDriver: 'pcieport',
      classCode: '060400',
      iommuGroup: 20,
    },
  ]);
  const eno1 = machine.interface('eno1');
  eno1.isUp = true;
  eno1.addresses = [address('198.51.100.2', 24, '198.51.100.255', 'eno1')];
  const first = machine.interface('enp129s0f0');
  first.isUp = true;
  first.addresses = [address('10.1.0.1', 16, '10.1.255.255', 'enp129s0f0')];
  machine.routes = [
    { dst: 'default', gateway: '198.51.100.1', dev: 'eno1', protocol: 'static' },
    { dst: '10.1.0.0/16', dev: 'enp129s0f0', protocol: 'boot', scope: 'link' },
  ];
  return machine;
}

/** A server with an mlx5 card, whose kernel driver stays. */
export function mlx5Server(t: TestContext): FakeMachine {
  const machine = new FakeMachine(t, [
    {
      address: '0000:3b:00.0',
      vendorId: '15b3',
      deviceId: '1017',
      kernelDriver: 'mlx5_core',
      numaNode: 0,
      iommuGroup: 30,
      interface: { name: 'ens3f0', mac: 'b8:00:00:00:00:01' },
    },
  ]);
  machine.setModules('vfio-pci', 'ib_uverbs', 'mlx5_ib');
  const one = machine.interface('ens3f0');
  one.isUp = true;
  one.addresses = [address('10.2.0.1', 24, '10.2.0.255', 'ens3f0')];
  return machine;
}

/** A virtual machine of Azure: netvsc on VMBus, no PCI card. */
export function azureMachine(t: TestContext): FakeMachine {
  const machine = new FakeMachine(t, [
    {
      address: '000d3a6c-58f5-000d-3a6c-58f5000d3a6c',
      bus: 'vmbus',
      vendorId: '1414',
      deviceId: '0000',
      kernelDriver: 'hv_netvsc',
      interface: { name: 'eth1', mac: '00:0d:3a:6c:58:f5' },
    },
  ]);
  machine.setModules('uio_hv_generic');
  const one = machine.interface('eth1');
  one.isUp = true;
  one.addresses = [address('10.3.0.4', 24, '10.3.0.255', 'eth1')];
  return machine;
}

/** Our driver on a DPDK port, the official one on kernel sockets: the two ends of a veth pair. */
import { describe, test } from 'node:test';
import { createVethLab, type VethLab, vethLabMissing } from '../support/veth-lab.ts';
import { type DriverProcess, startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing, skipReason } from './java.ts';

const COUNT = 100_000;
const CAST_COUNT = 30_000;
const PORT = 24500;
const skip = officialAeronMissing() || skipReason(vethLabMissing());

describe('our driver on a DPDK port and the official driver on kernel sockets', { skip }, () => {
  test('exchange a stream from ours to the official', async (t) => {
    const lab = createVethLab(t);
    const [ours, official] = await startDrivers(lab, t);
    const channel = `aeron:udp?endpoint=${lab.kernel.address}:${PORT}`;
    await exchange(t, {
      publishers: [{ party: 'ours', driver: ours, channel }],
      subscriber: { party: 'official', driver: official, channel },
      count: COUNT,
    });
  });

  test('exchange a stream from the official to ours', async (t) => {
    const lab = createVethLab(t);
    const [ours, official] = await startDrivers(lab, t);
    const channel = `aeron:udp?endpoint=${lab.bare.address}:${PORT}`;
    await exchange(t, {
      publishers: [{ party: 'official', driver: official, channel }],
      subscriber: { party: 'ours', driver: ours, channel },
      count: COUNT,
    });
  });

  test('exchange a cast of ours, which one receiver gets over the wire and one beside the sender', async (t) => {
    const lab = createVethLab(t);
    const [ours, official] = await startDrivers(lab, t);
    const control = `control=${lab.bare.address}:${PORT}|control-mode=dynamic`;
    const receiver = (address: string) => `aeron:udp?endpoint=${address}:${PORT + 1}|${control}`;
    await exchange(t, {
      publishers: [{ party: 'ours', driver: ours, channel: `aeron:udp?${control}|fc=min,g:/2` }],
      subscriber: [
        { party: 'official', driver: official, channel: receiver(lab.kernel.address) },
        { party: 'ours', driver: ours, channel: receiver(lab.bare.address) },
      ],
      count: CAST_COUNT,
    });
  });
});

async function startDrivers(
  lab: VethLab,
  t: Parameters<typeof startDriver>[0],
): Promise<[ours: DriverProcess, official: DriverProcess]> {
  return Promise.all([
    startDriver(t, 'ours', {
      namespace: lab.bare.namespace,
      properties: { 'aeron.transport': 'dpdk', 'aeron.dpdk.local.ipv4.address': `${lab.bare.address}/24` },
      ealArguments: [
        ...['--no-pci', '--no-huge', '--no-shconf', '-m', '256', '--iova-mode=va'],
        `--vdev=net_af_packet0,iface=${lab.bare.interfaceName},framesz=2048,framecnt=4096,blocksz=8388608`,
      ],
    }),
    startDriver(t, 'official', { namespace: lab.kernel.namespace }),
  ]);
}

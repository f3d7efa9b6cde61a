/** A DPDK port with two IPv4 networks, and one with IPv6 only, beside a kernel that has both. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type DriverProcess, startDriver } from '../interop/drivers.ts';
import { exchange } from '../interop/exchange.ts';
import { SKIP_WITHOUT_DPDK } from '../support/dpdk.ts';
import { addIpv6, createVethLab, runAt, type VethLab, vethLabMissing } from '../support/veth-lab.ts';

const PORT = 24_510;
const COUNT = 10_000;
const OURS = '10.98.0.1';
const THEIRS = '10.98.0.2';
const skip = SKIP_WITHOUT_DPDK || vethLabMissing();

function startOurs(
  t: TestContext,
  { bare }: VethLab,
  properties: Record<string, string>,
): Promise<DriverProcess> {
  return startDriver(t, 'ours', {
    namespace: bare.namespace,
    properties: { 'aeron.transport': 'dpdk', ...properties },
    ealArguments: [
      ...['--no-pci', '--no-huge', '--no-shconf', '-m', '256', '--iova-mode=va'],
      `--vdev=net_af_packet0,iface=${bare.interfaceName},framesz=2048,framecnt=4096,blocksz=8388608`,
    ],
  });
}

describe('a DPDK port beside a kernel', { skip }, () => {
  test('has streams in each of its networks, both ways, at one UDP port', async (t) => {
    const lab = createVethLab(t);
    runAt(lab.kernel, 'ip', 'address', 'add', `${THEIRS}/24`, 'dev', lab.kernel.interfaceName);
    const [ours, theirs] = await Promise.all([
      startOurs(t, lab, {
        'aeron.dpdk.local.ipv4.address': `${lab.bare.address}/24`,
        'aeron.dpdk.further.ipv4.addresses': `${OURS}/24`,
      }),
      startDriver(t, 'ours', { namespace: lab.kernel.namespace }),
    ]);
    const ping = runAt(lab.kernel, 'ping', '-c', '1', '-W', '5', '-I', THEIRS, OURS);
    assert.match(ping, / 0% packet loss/);
    const run = async (isOut: boolean, address: string): Promise<void> => {
      const channel = `aeron:udp?endpoint=${address}:${PORT}`;
      await exchange(t, {
        publishers: [{ party: 'ours', driver: isOut ? ours : theirs, channel }],
        subscriber: { party: 'ours', driver: isOut ? theirs : ours, channel },
        count: COUNT,
      });
    };
    await Promise.all([run(false, lab.bare.address), run(false, OURS)]);
    await Promise.all([run(true, lab.kernel.address), run(true, THEIRS)]);
    const neighbours = runAt(lab.kernel, 'ip', 'neighbour', 'show');
    for (const address of [lab.bare.address, OURS])
      assert.match(neighbours, new RegExp(`^${address} .*lladdr`, 'm'));
  });

  test('needs no IPv4', async (t) => {
    const lab = createVethLab(t);
    addIpv6(lab);
    const [ours, theirs] = await Promise.all([
      startOurs(t, lab, { 'aeron.dpdk.local.ipv6.address': `${lab.bare.ipv6Address}/64` }),
      startDriver(t, 'ours', { namespace: lab.kernel.namespace }),
    ]);
    for (const isOut of [true, false]) {
      const channel = `aeron:udp?endpoint=[${(isOut ? lab.kernel : lab.bare).ipv6Address}]:${PORT}`;
      await exchange(t, {
        publishers: [{ party: 'ours', driver: isOut ? ours : theirs, channel }],
        subscriber: { party: 'ours', driver: isOut ? theirs : ours, channel },
        count: COUNT,
      });
    }
  });
});

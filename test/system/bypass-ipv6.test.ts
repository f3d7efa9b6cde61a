/** Our IPv6 stack on a DPDK port, with the kernel's at the other end of a veth pair. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type DriverProcess, startDriver } from '../interop/drivers.ts';
import { exchange } from '../interop/exchange.ts';
import { SKIP_WITHOUT_DPDK } from '../support/dpdk.ts';
import { TestProcess } from '../support/processes.ts';
import { addIpv6, createVethLab, runAt, type VethLab, vethLabMissing } from '../support/veth-lab.ts';

const PORT = 24_500;
const COUNT = 20_000;
const skip = SKIP_WITHOUT_DPDK || vethLabMissing();

function startOurs(t: TestContext, { bare }: VethLab): Promise<DriverProcess> {
  return startDriver(t, 'ours', {
    namespace: bare.namespace,
    properties: {
      'aeron.transport': 'dpdk',
      'aeron.dpdk.local.ipv4.address': `${bare.address}/24`,
      'aeron.dpdk.local.ipv6.address': `${bare.ipv6Address}/64`,
    },
    ealArguments: [
      ...['--no-pci', '--no-huge', '--no-shconf', '-m', '256', '--iova-mode=va'],
      `--vdev=net_af_packet0,iface=${bare.interfaceName},framesz=2048,framecnt=4096,blocksz=8388608`,
    ],
  });
}

function newLab(t: TestContext): VethLab {
  const lab = createVethLab(t);
  addIpv6(lab);
  return lab;
}

describe('IPv6 on a DPDK port beside a kernel', { skip }, () => {
  test('answers ping at both of its addresses, in any size', async (t) => {
    const lab = newLab(t);
    const { bare, kernel } = lab;
    await startOurs(t, lab);
    for (const size of ['0', '56', '1452']) {
      const said = runAt(
        kernel,
        'ping',
        '-6',
        '-c',
        '2',
        '-W',
        '5',
        '-i',
        '0.2',
        '-s',
        size,
        bare.ipv6Address,
      );
      assert.match(said, / 0% packet loss/);
    }
    const neighbours = runAt(kernel, 'ip', '-6', 'neighbour', 'show', 'dev', kernel.interfaceName);
    assert.match(neighbours, new RegExp(`${bare.ipv6Address} lladdr`));
    // The link-local address is made of the card's.
    const mac = /link\/ether (\S+)/.exec(runAt(bare, 'ip', 'link', 'show', 'dev', bare.interfaceName))![1]!;
    const [a, b, c, d, e, f] = mac.split(':').map((octet) => Number.parseInt(octet, 16)) as number[];
    const group = (high: number, low: number) => ((high << 8) | low).toString(16);
    const linkLocal = `fe80::${group(a! ^ 2, b!)}:${group(c!, 0xff)}:${group(0xfe, d!)}:${group(e!, f!)}`;
    assert.match(
      runAt(kernel, 'ping', '-6', '-c', '1', '-W', '5', `${linkLocal}%${kernel.interfaceName}`),
      / 0% packet loss/,
    );
  });

  test('says that nobody has a port', async (t) => {
    const lab = newLab(t);
    await startOurs(t, lab);
    const program = `
      const socket = require('node:dgram').createSocket('udp6');
      socket.on('error', (error) => { console.log(error.code); process.exit(); });
      socket.connect(9, '${lab.bare.ipv6Address}', () => setInterval(() => socket.send('x'), 200));
      setTimeout(() => process.exit(1), 20000);`;
    assert.match(runAt(lab.kernel, process.execPath, '-e', program), /ECONNREFUSED/);
  });

  test('puts datagrams together that the kernel sends in pieces', async (t) => {
    const lab = newLab(t);
    const [ours, theirs] = await Promise.all([
      startOurs(t, lab),
      startDriver(t, 'ours', { namespace: lab.kernel.namespace }),
    ]);
    const endpoint = `aeron:udp?endpoint=[${lab.bare.ipv6Address}]:${PORT}`;
    await exchange(t, {
      publishers: [{ party: 'ours', driver: theirs, channel: `${endpoint}|mtu=8192` }],
      subscriber: { party: 'ours', driver: ours, channel: endpoint },
      count: COUNT,
    });
    const sent = runAt(lab.kernel, 'cat', '/proc/net/snmp6');
    assert.ok(Number(/Ip6FragCreates\s+(\d+)/.exec(sent)?.[1]) > 1000, sent);
  });

  for (const [from, to] of [
    ['DPDK port', 'kernel'],
    ['kernel', 'DPDK port'],
  ] as const) {
    test(`a stream gets from the ${from} to the ${to}`, async (t) => {
      const lab = newLab(t);
      const [ours, theirs] = await Promise.all([
        startOurs(t, lab),
        startDriver(t, 'ours', { namespace: lab.kernel.namespace }),
      ]);
      const isOut = to === 'kernel';
      const channel = `aeron:udp?endpoint=[${(isOut ? lab.kernel : lab.bare).ipv6Address}]:${PORT}`;
      await exchange(t, {
        publishers: [{ party: 'ours', driver: isOut ? ours : theirs, channel }],
        subscriber: { party: 'ours', driver: isOut ? theirs : ours, channel },
        count: COUNT,
      });
    });

    test(`a stream to a group gets from the ${from} to the ${to}`, async (t) => {
      const lab = newLab(t);
      const [ours, theirs] = await Promise.all([
        startOurs(t, lab),
        startDriver(t, 'ours', { namespace: lab.kernel.namespace }),
      ]);
      const isOut = to === 'kernel';
      const channel = `aeron:udp?endpoint=[ff15::aa:1]:${PORT}|interface=[fd00:99::]/64`;
      const capture = TestProcess.start(
        t,
        'tcpdump',
        'ip',
        [
          'netns',
          'exec',
          lab.kernel.namespace,
          'tcpdump',
          '-lnvi',
          lab.kernel.interfaceName,
          'ip6[40] = 58 or icmp6',
        ],
        { deadlineMs: 120_000 },
      );
      await exchange(t, {
        publishers: [{ party: 'ours', driver: isOut ? ours : theirs, channel }],
        subscriber: { party: 'ours', driver: isOut ? theirs : ours, channel },
        count: COUNT,
      });
      // What we sent is a report that tcpdump, too, can read: of the group that we hear.
      const heard = isOut ? 'ff15::aa:2' : 'ff15::aa:1';
      if (!/not found|No such file/.test(capture.output)) {
        assert.match(capture.output, new RegExp(`multicast listener report v2.*${heard}[^0-9a-f]`));
      }
    });
  }
});

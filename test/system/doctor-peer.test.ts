/** `aeron-bypass doctor --peer` against hosts that are well, and such as fail at each of the layers. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { startDriver } from '../interop/drivers.ts';
import { SKIP_WITHOUT_DPDK } from '../support/dpdk.ts';
import { type ProbeResult, probePeer, startDoctor, startSubscriber } from '../support/peer-probe.ts';
import type { TestProcess } from '../support/processes.ts';
import {
  addIpv6,
  createNamespace,
  createVethLab,
  runAt,
  type VethEnd,
  type VethLab,
  vethLabMissing,
} from '../support/veth-lab.ts';

const PORT = 24_600;
const STREAM = 1001;
const LAYERS = ['link', 'neighbour', 'ICMP echo', 'path MTU', 'Aeron'] as const;
const MTU_TOO_SMALL = '1200';

/** What carries the packets of the probe: who is asked about, who asks, and with which settings. */
interface Setting {
  readonly name: string;
  readonly skip: string | false;
  start(t: TestContext): { lab: VethLab; args: readonly string[] };
  /** Settings that make the kernel's end our gateway. */
  gateway(lab: VethLab): readonly string[];
}

const kernel: Setting = {
  name: 'kernel sockets',
  skip: vethLabMissing(),
  start: (t) => {
    const lab = createVethLab(t);
    const { bare } = lab;
    runAt(bare, 'ip', 'address', 'add', `${bare.address}/24`, 'dev', bare.interfaceName);
    return { lab, args: [] };
  },
  gateway: ({ bare, kernel: router }) => {
    runAt(bare, 'ip', 'route', 'add', 'default', 'via', router.address);
    return [];
  },
};

const dpdk: Setting = {
  name: 'a DPDK port',
  skip: SKIP_WITHOUT_DPDK || vethLabMissing(),
  start: (t) => {
    const lab = createVethLab(t);
    const { bare } = lab;
    const device = `--vdev=net_af_packet0,iface=${bare.interfaceName},framesz=2048,framecnt=4096,blocksz=8388608`;
    const eal = ['--no-pci', '--no-huge', '--no-shconf', '-m', '256', '--iova-mode=va', device];
    return { lab, args: ['--', ...eal, '--', `-Daeron.dpdk.local.ipv4.address=${bare.address}/24`] };
  },
  gateway: ({ kernel: router }) => [`-Daeron.dpdk.gateway.ipv4.address=${router.address}`],
};

function listen(t: TestContext, { kernel: peer }: VethLab): Promise<TestProcess> {
  return startSubscriber(t, peer.namespace, `aeron:udp?endpoint=${peer.address}:${PORT}`, STREAM);
}

/** A host behind the kernel's end, over a network with a smaller MTU. Returns its address. */
function addNetworkBehind(t: TestContext, { kernel: router }: VethLab): string {
  const namespace = createNamespace(t);
  const host: VethEnd = { ...router, namespace, interfaceName: 'far0' };
  runAt(router, ...words(`ip link add near0 type veth peer name far0 netns ${namespace}`));
  for (const [end, name, address] of [
    [router, 'near0', '10.98.0.1/24'],
    [host, 'far0', '10.98.0.2/24'],
  ] as const) {
    runAt(end, ...words(`ip link set ${name} mtu ${MTU_TOO_SMALL} up`));
    runAt(end, ...words(`ip address add ${address} dev ${name}`));
  }
  runAt(host, ...words('ip route add default via 10.98.0.1'));
  runAt(router, ...words('sysctl -qw net.ipv4.ip_forward=1'));
  return '10.98.0.2';
}

function words(command: string): [string, ...string[]] {
  return command.split(' ') as [string, ...string[]];
}

/** Fails unless the layers before `failed` are well, it is not, and nobody asked for what needs it. */
function assertFailsAt(result: ProbeResult, failed: (typeof LAYERS)[number], what: RegExp): void {
  assert.equal(result.failedLayer, failed, JSON.stringify(LAYERS.map((layer) => result.of(layer)?.what)));
  assert.equal(result.code, 3);
  for (const layer of LAYERS.slice(0, LAYERS.indexOf(failed))) {
    assert.equal(result.of(layer)?.severity, 'ok', result.of(layer)?.what);
  }
  const finding = result.of(failed)!;
  assert.match(finding.what, what);
  assert.notEqual(finding.why, '');
  assert.notEqual(finding.fix, '');
}

for (const { name, skip, start, gateway } of [kernel, dpdk]) {
  describe(`doctor --peer over ${name}`, { skip }, () => {
    test('is content with a receiver that listens, which sees a stream come and go', async (t) => {
      const { lab, args } = start(t);
      const subscriber = await listen(t, lab);
      const { bare, kernel: peer } = lab;
      const result = await probePeer(t, bare.namespace, `${peer.address}:${PORT}`, args);
      for (const layer of LAYERS) assert.equal(result.of(layer)?.severity, 'ok', result.of(layer)?.what);
      assert.equal(result.failedLayer, null);
      assert.match(result.of('Aeron')!.what, /status message has come, with a window of [1-9]\d* bytes/);
      await subscriber.waitForLine('image came');
      await subscriber.waitForLine('image went');
    });

    test('names a neighbour that is not there', async (t) => {
      const { lab, args } = start(t);
      const result = await probePeer(t, lab.bare.namespace, `10.99.0.77:${PORT}`, args);
      assertFailsAt(result, 'neighbour', /10\.99\.0\.77 does not answer ARP/);
      assert.equal(result.of('ICMP echo'), undefined);
    });

    test('names filtered ICMP, as a failure when nothing else is heard, as a warning when Aeron answers', async (t) => {
      const { lab, args } = start(t);
      const { bare, kernel: peer } = lab;
      runAt(peer, 'sysctl', '-qw', 'net.ipv4.icmp_echo_ignore_all=1');
      const alone = await probePeer(t, bare.namespace, peer.address, args);
      assertFailsAt(alone, 'ICMP echo', /answers no echo/);
      await listen(t, lab);
      const heard = await probePeer(t, bare.namespace, `${peer.address}:${PORT}`, args);
      assert.equal(heard.of('ICMP echo')?.severity, 'warning');
      assert.equal(heard.of('Aeron')?.severity, 'ok');
      assert.equal(heard.failedLayer, null);
    });

    test('finds the length of packets that get past a router', async (t) => {
      const { lab, args } = start(t);
      const behind = addNetworkBehind(t, lab);
      const result = await probePeer(t, lab.bare.namespace, behind, [...args, ...gateway(lab)]);
      assert.match(result.of('neighbour')?.what ?? '', /the router 10\.99\.0\.2 is at/);
      assertFailsAt(result, 'path MTU', /packets of 1200 bytes get to 10\.98\.0\.2, longer ones do not/);
      assert.match(result.of('path MTU')!.fix, /aeron\.mtu\.length=1152/);
    });

    test('says that nobody has the port', async (t) => {
      const { lab, args } = start(t);
      const { bare, kernel: peer } = lab;
      const result = await probePeer(t, bare.namespace, `${peer.address}:${PORT}`, args);
      assertFailsAt(result, 'Aeron', /nobody has the port .* port unreachable/);
    });

    test('says that nobody takes the stream', async (t) => {
      const { lab, args } = start(t);
      const { bare, kernel: peer } = lab;
      await listen(t, lab);
      const other = ['--stream', String(STREAM + 1), ...args];
      const result = await probePeer(t, bare.namespace, `${peer.address}:${PORT}`, other);
      assertFailsAt(result, 'Aeron', /no status message .* for stream 1002/);
    });

    test('ends at Ctrl-C', async (t) => {
      const { lab, args } = start(t);
      const doctor = startDoctor(t, lab.bare.namespace, ['--peer', '10.99.0.77', ...args]);
      await new Promise((resolve) => setTimeout(resolve, 2500));
      doctor.kill('SIGINT');
      const { code, signal } = await doctor.exited;
      assert.ok(code === 3 || signal === 'SIGINT', `${code} ${signal} ${doctor.output}`);
    });
  });
}

describe('doctor --peer over a DPDK port', { skip: dpdk.skip }, () => {
  test('looks for a peer of IPv6 as well', async (t) => {
    const { lab, args } = dpdk.start(t);
    addIpv6(lab);
    const { bare, kernel: peer } = lab;
    const endpoint = `[${peer.ipv6Address}]:${PORT}`;
    await startSubscriber(t, peer.namespace, `aeron:udp?endpoint=${endpoint}`, STREAM);
    const ours = [...args, `-Daeron.dpdk.local.ipv6.address=${bare.ipv6Address}/64`];
    const result = await probePeer(t, bare.namespace, endpoint, ours);
    for (const layer of LAYERS) assert.equal(result.of(layer)?.severity, 'ok', result.of(layer)?.what);
    assert.match(result.of('path MTU')!.what, /packets of 1456 bytes/);
  });

  test('leaves the port of a running driver alone, in one sentence', async (t) => {
    const { lab, args } = dpdk.start(t);
    const { bare, kernel: peer } = lab;
    const [, ...eal] = args;
    const properties = { 'aeron.dpdk.local.ipv4.address': `${bare.address}/24` };
    const driver = await startDriver(t, 'ours', {
      namespace: bare.namespace,
      properties,
      ealArguments: eal.slice(0, eal.indexOf('--')),
    });
    const inItsPlace = [...args, `-Daeron.dir=${driver.directory}`];
    const doctor = startDoctor(t, bare.namespace, ['--peer', peer.address, ...inItsPlace]);
    assert.equal((await doctor.exited).code, 1);
    assert.match(
      doctor.output,
      /^aeron-bypass doctor: DPDK_PORT_IN_USE: the driver in .*, process \d+, runs with a DPDK port\. .*nic stat.*capture.*$/,
    );
    assert.match(runAt(peer, 'ping', '-c', '1', '-W', '5', bare.address), / 0% packet loss/);
  });
});

describe('doctor --peer', { skip: kernel.skip }, () => {
  test('names an interface that is switched off, and one whose other end is', async (t) => {
    const { lab } = kernel.start(t);
    const { bare, kernel: peer } = lab;
    runAt(peer, 'ip', 'link', 'set', peer.interfaceName, 'down');
    const noCarrier = await probePeer(t, bare.namespace, peer.address);
    assertFailsAt(noCarrier, 'link', /veth0 has no link/);
    runAt(bare, 'ip', 'link', 'set', bare.interfaceName, 'down');
    assertFailsAt(await probePeer(t, bare.namespace, peer.address), 'link', /veth0 is switched off/);
    assertFailsAt(await probePeer(t, bare.namespace, '10.98.0.1'), 'link', /no route leads to 10\.98\.0\.1/);
  });

  test('finds the length that the interface of the peer takes, without a word from anybody', async (t) => {
    const { lab } = kernel.start(t);
    const { bare, kernel: peer } = lab;
    // A veth drops what is longer than its MTU and some bytes for a VLAN tag.
    runAt(peer, 'ip', 'link', 'set', peer.interfaceName, 'mtu', MTU_TOO_SMALL);
    const result = await probePeer(t, bare.namespace, peer.address);
    assertFailsAt(result, 'path MTU', /packets of 120\d bytes get to 10\.99\.0\.2, longer ones do not/);
  });

  test('compares the MTU of its own interface', async (t) => {
    const { lab } = kernel.start(t);
    const { bare, kernel: peer } = lab;
    runAt(bare, 'ip', 'link', 'set', bare.interfaceName, 'mtu', MTU_TOO_SMALL);
    const result = await probePeer(t, bare.namespace, peer.address);
    assertFailsAt(
      result,
      'path MTU',
      /veth0 carries packets of 1200 bytes, aeron\.mtu\.length=1408 takes 1436/,
    );
  });
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { reserveHugepages } from '../../src/device/dpdk/hugepages.ts';
import { SKIP_WITHOUT_ROOT, SKIP_WITHOUT_TAP } from '../support/dpdk.ts';
import { TestProcess } from '../support/processes.ts';
import { createNamespace, setUpInterface, vethLabMissing } from '../support/veth-lab.ts';

const ECHO = new URL('../support/bypass-echo.js', import.meta.url).pathname;
const CLIENT = new URL('../support/kernel-echo-client.js', import.meta.url).pathname;
const OUR_HOST = '10.99.0.1';
const OUR_ADDRESS = 0x0a630001;
const KERNEL_HOST = '10.99.0.2';
const KERNEL_ADDRESS = 0x0a630002;
const DATAGRAMS = 10_000;
/** Longer than a frame; an AF_PACKET port gets none, because the kernel puts them together and cuts them off for it. */
const LONG_DATAGRAMS = 700;

/** A cable whose one end is a plain kernel host in a network namespace of its own, and whose other end is free. */
interface Cable {
  readonly interfaceName: string;
  readonly namespace: string;
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' });
}

/** Both disappear when the test ends, whatever its outcome. */
function layCable(t: TestContext): Cable {
  const namespace = `aeron-bypass-${process.pid}`;
  const interfaceName = `abv${process.pid}`;
  const kernelEnd = `abk${process.pid}`;
  run('ip', 'netns', 'add', namespace);
  t.after(() => run('ip', 'netns', 'delete', namespace));
  run('ip', 'link', 'add', interfaceName, 'type', 'veth', 'peer', 'name', kernelEnd, 'netns', namespace);
  run('ip', '-n', namespace, 'address', 'add', `${KERNEL_HOST}/24`, 'dev', kernelEnd);
  run('ip', '-n', namespace, 'link', 'set', kernelEnd, 'up');
  run('ip', 'link', 'set', interfaceName, 'up');
  // A veth leaves checksums to a card that there is not.
  run('ip', 'netns', 'exec', namespace, 'ethtool', '-K', kernelEnd, 'tx', 'off');
  return { interfaceName, namespace };
}

/** A counter of the kernel's UDP in the namespace. */
function udpCounter(namespace: string, name: string): number {
  const lines = run('ip', 'netns', 'exec', namespace, 'cat', '/proc/net/snmp').split('\n');
  const [names, values] = lines.filter((line) => line.startsWith('Udp:')).map((line) => line.split(' '));
  return Number(values![names!.indexOf(name)]);
}

/** Our host over a port that a kernel host is at the other end of. */
function startHost(
  t: TestContext,
  device: string,
  memory: string,
  namespace = '',
  address = OUR_ADDRESS,
): TestProcess {
  const command = [process.execPath, ECHO, device, String(address), String(KERNEL_ADDRESS), memory];
  const [program, ...args] = namespace === '' ? command : ['ip', 'netns', 'exec', namespace, ...command];
  return TestProcess.start(t, 'our host', program!, args, { deadlineMs: 60_000 });
}

async function meetKernel(
  t: TestContext,
  driver: string,
  memory: 'ordinary pages' | 'hugepages',
  required: boolean,
): Promise<void> {
  const { interfaceName, namespace } = layCable(t);
  const host = startHost(t, `${driver}0,iface=${interfaceName}`, memory);
  try {
    await host.waitForLine('ready');
  } catch (error) {
    if (required) throw error;
    return t.skip(`${driver} does not work here: ${/DPDK_\w+: .*/.exec(host.output)?.[0] ?? host.output}`);
  }
  await talk(t, host, driver, namespace);
}

/** What both hosts can be seen to do for each other. */
async function talk(t: TestContext, host: TestProcess, driver: string, namespace: string): Promise<void> {
  for (const size of ['0', '56', '1472']) {
    const ping = run(
      ...([
        'ip',
        'netns',
        'exec',
        namespace,
        'ping',
        '-c',
        '5',
        '-i',
        '0.01',
        '-W',
        '5',
        '-s',
        size,
      ] as const),
      OUR_HOST,
    );
    assert.match(ping, /5 packets transmitted, 5 received/, `size ${size}`);
  }

  const echoed = async (...args: string[]): Promise<unknown> => {
    const command = ['netns', 'exec', namespace, process.execPath, CLIENT, OUR_HOST, '7', ...args];
    const client = TestProcess.start(t, 'kernel client', 'ip', command, { deadlineMs: 60_000 });
    return JSON.parse(await client.success());
  };
  const result = await echoed(String(DATAGRAMS));
  const longDatagrams = driver === 'net_af_packet' ? 0 : LONG_DATAGRAMS;
  const longResult = longDatagrams === 0 ? null : await echoed(String(longDatagrams), 'long');
  host.kill('SIGTERM');
  const statistics = JSON.parse((await host.success()).split('\n').findLast((line) => line.startsWith('{'))!);
  t.diagnostic(`${driver}: ${JSON.stringify(statistics)}`);
  assert.deepEqual(result, { sent: DATAGRAMS, answered: DATAGRAMS, corrupt: 0 });
  if (longResult !== null) {
    assert.deepEqual(longResult, { sent: longDatagrams, answered: longDatagrams, corrupt: 0 });
  }
  assert.equal(statistics.received, DATAGRAMS + longDatagrams);
  assert.equal(statistics['net.ipv4Reassembled'], longDatagrams);
  assert.equal(statistics.corrupt, 0);
  assert.equal(statistics.unanswered, 0);
  assert.equal(statistics['net.icmpReplies'], 15);
  assert.equal(
    statistics['net.icmpPortUnreachable'],
    1,
    'nobody has the port that the first datagram went to',
  );
  assert.equal(statistics['net.icmpUnmatched'], 0);
  assert.equal(statistics['net.udpChecksumWrong'], 0);
  assert.equal(udpCounter(namespace, 'InCsumErrors'), 0, 'the kernel agrees with every checksum of ours');
}

/** Some hugepages for the test; gives back what it had to reserve. Returns why there are none, or `''`. */
function borrowHugepages(t: TestContext): string {
  const path = '/proc/sys/vm/nr_hugepages';
  const before = readFileSync(path, 'latin1');
  t.after(() => writeFileSync(path, before));
  return reserveHugepages(64).reason;
}

describe('our host and a kernel host on one cable', { skip: SKIP_WITHOUT_ROOT }, () => {
  test('find each other, ping and exchange 10,000 datagrams over AF_PACKET', (t) =>
    meetKernel(t, 'net_af_packet', 'ordinary pages', true));

  test('do the same, and put 700 together that come in pieces, over a tap device', {
    skip: vethLabMissing() || SKIP_WITHOUT_TAP,
  }, async (t) => {
    const namespace = createNamespace(t);
    const host = startHost(t, 'net_tap0,iface=tap0', 'ordinary pages', namespace);
    await host.waitForLine('open');
    setUpInterface(namespace, 'tap0', KERNEL_HOST);
    await host.waitForLine('ready');
    await talk(t, host, 'net_tap', namespace);
  });

  test('do not share an address: ours is not used when the kernel has it', async (t) => {
    const { interfaceName } = layCable(t);
    const device = `net_af_packet0,iface=${interfaceName}`;
    const host = startHost(t, device, 'ordinary pages', '', KERNEL_ADDRESS);
    await assert.rejects(host.waitForLine('ready'));
    assert.match(
      host.output,
      /DPDK_ADDRESS_IN_USE: 10\.99\.0\.2 is the address of the DPDK port and of the card /,
    );
  });

  test('do the same, and put 700 together that come in pieces, over AF_XDP where the kernel has it', (t) => {
    // On ordinary pages the kernel drops what we transmit.
    const reason = borrowHugepages(t);
    return reason === '' ? meetKernel(t, 'net_af_xdp', 'hugepages', false) : t.skip(reason);
  });
});

/** A driver with a DPDK port, as an operator has it: its counters, and the user that it runs as. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import type { CounterInfo } from '../../src/concurrent/counters.ts';
import { startDriver as startInterop } from '../interop/drivers.ts';
import { SKIP_WITHOUT_DPDK, SKIP_WITHOUT_ROOT, virtualEal } from '../support/dpdk.ts';
import { TestProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { createNamespace, setUpInterface, vethLabMissing } from '../support/veth-lab.ts';

const PROGRAM = new URL('../../../bin/aeron-bypass.js', import.meta.url).pathname;
const DEADLINE_MS = 60_000;
const NOBODY = 65534;
const SKIP_WITHOUT_TAP = existsSync('/dev/net/tun') ? false : 'needs /dev/net/tun: run "modprobe tun"';

interface Driver {
  readonly directory: string;
  readonly process: TestProcess;
  /** Where it may make its directory, and keep it. */
  readonly aeron: Aeron;
}

async function startDriver(
  t: TestContext,
  ealArguments: string[],
  env: Record<string, string>,
): Promise<Driver> {
  const parent = mkdtempSync('/dev/shm/aeron-bypass-test-');
  chmodSync(parent, 0o777);
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const directory = join(parent, 'aeron');
  const child = TestProcess.start(t, 'driver', process.execPath, [PROGRAM, 'driver', ...ealArguments, '--'], {
    deadlineMs: DEADLINE_MS,
    env: {
      AERON_DIR: directory,
      AERON_TIMER_INTERVAL: '20ms',
      AERON_DPDK_LOCAL_IPV4_ADDRESS: '10.0.0.1/24',
      ...env,
    },
  });
  await child.waitForLine('driver ready');
  const aeron = await Aeron.connect({ directory });
  t.after(() => aeron.close());
  return { directory, process: child, aeron };
}

function countersOf(aeron: Aeron, typeId: number): CounterInfo[] {
  const found: CounterInfo[] = [];
  aeron.countersReader.forEach((counter) => {
    if (counter.typeId === typeId) found.push(counter);
  });
  return found;
}

test('a DPDK port has the counters of the official driver, with live values', {
  skip: SKIP_WITHOUT_DPDK,
}, async (t) => {
  // Everything that is sent comes back, to nobody: not to our Ethernet address, or from our own IP address.
  const { aeron } = await startDriver(t, virtualEal('net_ring0'), {
    AERON_DPDK_RX_QUEUE_SIZE: '1000',
    AERON_DPDK_MTU: '9000',
  });
  const publication = await aeron.addPublication('aeron:udp?endpoint=10.0.0.2:24700', 1001);
  const value = (typeId: number, label: string): number =>
    countersOf(aeron, typeId).find((counter) => counter.label === label)?.value ?? Number.NaN;
  await until(() => value(82, 'DPDK TX packets') > 2, 'ARP requests');
  await until(() => value(82, 'DPDK RX packets') > 2, 'ARP requests');
  await until(() => value(85, 'DPDK ARP miss') > 0, 'a setup frame that nobody can be sent');
  assert.ok(value(91, 'DPDK mempool available') > 0);
  const info = countersOf(aeron, 75);
  assert.equal(info.length, 1);
  assert.match(
    info[0]!.label,
    /^DPDK - local: 10\.0\.0\.1\/([0-9a-f]{1,2}:){5}[0-9a-f]{1,2} rx: 1\/1024 tx: 1\/1024 \d+ mtu: 9000 net_ring/,
  );
  assert.equal(info[0]!.value, 1, 'the link is up');
  for (const typeId of [77, 78, 79, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95]) {
    assert.ok(countersOf(aeron, typeId).length > 0, `type ${typeId}`);
  }
  await until(() => value(92, 'DPDK tx_good_packets') > 2, 'extended statistics');
  publication.close();
});

test('a driver of root becomes the user that is named, with its files and without rights', {
  skip: SKIP_WITHOUT_ROOT,
}, async (t) => {
  const driver = await startDriver(t, virtualEal('net_null0,no-rx=1'), {
    AERON_DPDK_USER: 'nobody',
    AERON_DPDK_GROUP: 'nogroup',
  });
  const tasks = readdirSync(`/proc/${driver.process.pid}/task`);
  assert.ok(tasks.length > 2, 'conductor, network and DPDK have threads');
  for (const task of tasks) {
    const status = readFileSync(`/proc/${driver.process.pid}/task/${task}/status`, 'latin1');
    assert.match(status, /^Uid:\s+65534\s+65534\s+65534\s+65534$/m);
    assert.match(status, /^Gid:\s+65534\s+65534\s+65534\s+65534$/m);
    assert.match(status, /^Groups:\s+65534( 65534)?\s*$/m);
    assert.match(status, /^CapPrm:\s+0+$/m);
    assert.match(status, /^CapEff:\s+0+$/m);
  }
  // It still makes streams, and what it makes is the user's.
  const channel = 'aeron:udp?endpoint=10.0.0.1:24701';
  const subscription = await driver.aeron.addSubscription(channel, 1001);
  const publication = await driver.aeron.addPublication(channel, 1001);
  await until(() => publication.offer(Buffer.from('hello')) > 0, 'a connection');
  let received = '';
  await until(() => {
    subscription.poll((buffer, offset, length) => {
      received = Buffer.from(buffer.buffer, buffer.byteOffset + offset, length).toString();
    }, 10);
    return received === 'hello';
  }, 'a message');
  const files = readdirSync(driver.directory, { recursive: true, encoding: 'utf8' });
  assert.ok(files.some((name) => name.startsWith('publications/')));
  for (const name of ['', ...files]) {
    assert.equal(statSync(join(driver.directory, name)).uid, NOBODY, name);
    assert.equal(statSync(join(driver.directory, name)).gid, NOBODY, name);
  }
  assert.deepEqual(await driver.process.stop(), { code: 0, signal: null });
});

test('a driver whose user does not exist does not start, and leaves nothing', {
  skip: SKIP_WITHOUT_ROOT,
}, async (t) => {
  const directory = mkdtempSync('/dev/shm/aeron-bypass-test-');
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const child = TestProcess.start(t, 'driver', process.execPath, [PROGRAM, 'driver'], {
    deadlineMs: DEADLINE_MS,
    env: { AERON_DIR: join(directory, 'aeron'), AERON_DPDK_USER: 'no-such-user' },
  });
  const { code } = await child.exited;
  assert.notEqual(code, 0);
  assert.match(child.output, /aeron\.dpdk\.user=no-such-user .*no such user/);
  assert.deepEqual(readdirSync(directory), []);
});

test('an idle driver sleeps until a frame comes, where it may', {
  skip: SKIP_WITHOUT_ROOT || vethLabMissing() || SKIP_WITHOUT_TAP,
}, async (t) => {
  const namespace = createNamespace(t);
  const driver = await startInterop(t, 'ours', {
    namespace,
    ealArguments: virtualEal('net_tap0,iface=tap0'),
    properties: {
      'aeron.dpdk.local.ipv4.address': '10.79.0.1/24',
      // So long that answers can only come in time because frames wake it.
      'aeron.dpdk.rx.interrupt.sleep': '1s',
      'aeron.dpdk.address.probes': '0',
    },
  });
  setUpInterface(namespace, 'tap0', '10.79.0.2');
  const ping = spawnSync(
    'ip',
    ['netns', 'exec', namespace, 'ping', '-c', '10', '-i', '0.3', '-W', '5', '10.79.0.1'],
    { encoding: 'utf8' },
  );
  const times = [...ping.stdout.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms));
  assert.ok(times.length >= 5, ping.stdout + ping.stderr);
  // A busy machine may take its time with some; half of them would be over 300 ms without interrupts.
  assert.ok(times.sort((x, y) => x - y)[Math.floor(times.length / 2)]! < 200, times.join());
  const errors = spawnSync(process.execPath, [PROGRAM, 'errors', '-d', driver.directory], {
    encoding: 'utf8',
  });
  assert.doesNotMatch(errors.stdout, /no RX interrupts/);
});

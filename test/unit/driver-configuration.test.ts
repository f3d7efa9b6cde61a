import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CncFile } from '../../src/cnc/cnc-file.ts';
import { formatConfiguration, loadConfiguration } from '../../src/driver/configuration.ts';
import { networkAgentConfig } from '../../src/driver/network-agent-config.ts';
import { parseProperties } from '../../src/driver/properties.ts';
import { environmentName, IGNORED_SETTINGS, SETTINGS } from '../../src/driver/settings.ts';
import { unknownSettings } from '../../src/driver/unknown-settings.ts';
import { Region } from '../../src/memory/region.ts';
import { ConfigurationError } from '../../src/util/errors.ts';

function load(...args: string[]): ReturnType<typeof loadConfiguration> {
  return loadConfiguration({ args });
}

function refused(args: readonly string[], text: string, env: Record<string, string> = {}): void {
  assert.throws(
    () => loadConfiguration({ args, env }),
    (error) => {
      assert.ok(error instanceof ConfigurationError, String(error));
      assert.equal(error.message, `CONFIGURATION: ${text}`);
      return true;
    },
  );
}

test('should have the defaults of the official driver', () => {
  const options = load();
  assert.equal(options.termBufferLength, 16 * 1024 * 1024);
  assert.equal(options.ipcTermBufferLength, 64 * 1024 * 1024);
  assert.equal(options.mtuLength, 1408);
  assert.equal(options.clientLivenessTimeoutNs, 10e9);
  assert.equal(options.timerIntervalNs, 1e9);
  assert.equal(options.rcvInitialWindowLength, 128 * 1024);
  assert.equal(options.conductorBufferLength, 1024 * 1024 + 768);
  assert.equal(options.threadingMode, 'DEDICATED');
  assert.equal(options.nakUnicastDelayNs, 1000);
  assert.equal(options.transport, 'auto');
  assert.match(options.dir, /\/aeron-/);
});

test('should let property files win over the environment, and -D over both', (t) => {
  const directory = mkdtempSync('/dev/shm/aeron-bypass-test-');
  t.after(() => rmSync(directory, { recursive: true }));
  const [first, second] = ['first.properties', 'second.properties'].map((name) => join(directory, name));
  writeFileSync(first!, 'aeron.mtu.length=4096\naeron.ipc.mtu.length=4096\naeron.timer.interval=2s\n');
  writeFileSync(second!, 'aeron.ipc.mtu.length=8192\n');
  const env = { AERON_MTU_LENGTH: '2048', AERON_DIR: '/dev/shm/x', AERON_TIMER_INTERVAL: '3s' };
  const options = loadConfiguration({ env, args: ['-Daeron.timer.interval=1500ms', first!, second!] });
  assert.equal(options.dir, '/dev/shm/x');
  assert.equal(options.mtuLength, 4096);
  assert.equal(options.ipcMtuLength, 8192);
  assert.equal(options.timerIntervalNs, 1.5e9);
  refused(
    [join(directory, 'none')],
    `cannot read property file ${directory}/none: ENOENT: no such file or directory, open '${directory}/none'`,
  );
});

test('should name settings that are misspelled or mean nothing, and none that are right or of other programs', () => {
  assert.deepEqual(
    unknownSettings({
      env: {
        AERON_THREADING_MDOE: 'SHARED',
        AERON_DIR: '/dev/shm/x',
        AERON_CLUSTER_ID: '1',
        PATH: '/bin',
        AERON_MTU: '1',
      },
      args: [
        '-Daeron.mtu.lenght=4096',
        '-Daeron.archive.id=7',
        '-Dagrona.check=false',
        '-Daeron.thread.naming=true',
      ],
    }),
    [
      'AERON_THREADING_MDOE is not a setting of this driver; did you mean aeron.threading.mode?',
      '-Daeron.mtu.lenght is not a setting of this driver; did you mean aeron.mtu.length?',
      '-Daeron.archive.id is not a setting of this driver.',
    ],
  );
});

test('should take the default back with an empty value', () => {
  assert.equal(
    loadConfiguration({ env: { AERON_MTU_LENGTH: '4096' }, args: ['-Daeron.mtu.length='] }).mtuLength,
    1408,
  );
});

/** What those lists hold that are not of any words. */
const LISTS = new Map<unknown, string>([
  [SETTINGS.dpdkNeighbours, '10.0.0.2=02:00:00:00:00:02'],
  [SETTINGS.dpdkLocalIpv6Address, '::2/64,fe80::1'],
  [SETTINGS.dpdkRoutes, '10.1.0.0/16'],
  [SETTINGS.dpdkFurtherIpv4Addresses, '10.1.0.1/24'],
]);

test('should know every setting by its property and by its variable', () => {
  for (const setting of Object.values(SETTINGS)) {
    if (setting === SETTINGS.dpdkFurtherPorts) continue; // Of a form of its own: driver-dpdk-ports.test.ts.
    const value =
      setting.kind === 'enum'
        ? Object.keys(setting.values!)[0]!
        : {
            bool: 'true',
            idleStrategy: 'spin',
            list: LISTS.get(setting) ?? 'a',
            portRange: '5000 6000',
            ipv4: '10.0.0.1',
            ipv4Interface: '10.0.0.1/24',
            // An address alone is not enough: a resolver has a name too.
            string: setting === SETTINGS.resolverInterface ? '' : 'x',
            int: '',
            int64: '-7',
            fraction: '0.5',
            size: '',
            duration: '',
          }[setting.kind];
    loadConfiguration({ env: { [environmentName(setting)]: value } });
    loadConfiguration({
      args: ['-D', `${setting.property}=${value}`, '-Daeron.dpdk.local.ipv4.address=10.0.0.1'],
    });
  }
});

test('should refuse a neighbour that is not an address with an Ethernet address', () => {
  const wrong = {
    '10.0.0.2': ' is not an Ethernet address such as 02:00:00:00:00:01',
    'x=02:00:00:00:00:02': 'x=02:00:00:00:00:02 is not address=Ethernet address',
    '10.0.0.2=02:00': '02:00 is not an Ethernet address such as 02:00:00:00:00:01',
    '10.0.0.2=a=b': '10.0.0.2=a=b is not address=Ethernet address',
  };
  for (const [neighbour, why] of Object.entries(wrong)) {
    refused([`-Daeron.dpdk.neighbours=${neighbour}`], `aeron.dpdk.neighbours: ${why}.`);
  }
});

test('should refuse a route that is not of a network', () => {
  const wrong = {
    '10.1.0.0': '10.1.0.0 is neither network/prefix nor network/prefix=router',
    '10.1.0.0/33': '10.1.0.0/33 is neither network/prefix nor network/prefix=router',
    '10.1.0.0/16=x': '10.1.0.0/16=x is neither network/prefix nor network/prefix=router',
    '10.1.2.3/16': '10.1.2.3/16 is no network: write 10.1.0.0/16',
  };
  for (const [route, why] of Object.entries(wrong)) {
    refused([`-Daeron.dpdk.routes=${route}`], `aeron.dpdk.routes: ${why}.`);
  }
  load('-Daeron.dpdk.routes=10.1.0.0/16,10.2.0.0/16=10.0.0.253,0.0.0.0/0');
});

test('should refuse a TAP interface that cannot be, and one for several', () => {
  const tap = '-Daeron.dpdk.tap=';
  for (const name of ['a,mac=fixed', '..', 'longer-than-15-ch', 'a/b']) {
    const expected = `aeron.dpdk.tap=${name} is no name of an interface: 1 to 15 letters, digits, ".", "_" or "-".`;
    refused([`${tap}${name}`], expected);
  }
  const needs = 'aeron.dpdk.tap=aeron0 needs one network agent and one port, and ';
  refused(
    [`${tap}aeron0`, '-Daeron.network.agents=2', '-Daeron.threading.mode=SHARED_NETWORK'],
    `${needs}aeron.network.agents=2, aeron.dpdk.further.ports=. Set them to 1 and nothing.`,
  );
  refused(
    [
      `${tap}aeron0`,
      '-Daeron.dpdk.local.ipv4.address=10.0.0.1/24',
      '-Daeron.dpdk.further.ports=1=10.1.0.1/24',
    ],
    `${needs}aeron.network.agents=1, aeron.dpdk.further.ports=1=10.1.0.1/24. Set them to 1 and nothing.`,
  );
});

test('should take what official drivers take and what nobody knows, whatever it says', () => {
  const env: Record<string, string> = { AERON_NO_SUCH_THING: '1', PATH: '/bin' };
  for (const properties of Object.values(IGNORED_SETTINGS)) {
    for (const property of properties) env[environmentName({ property })] = 'whatever it is';
  }
  loadConfiguration({ env, args: ['-Dno.such.thing=1', '-Daeron.event.log=all'] });
});

test('should split EAL arguments from its own', () => {
  const { ealArguments, dpdkLocalIpv4Address, dpdkGatewayIpv4Address, mtuLength } = load(
    '-l',
    '0',
    '--no-pci',
    '--vdev=net_null0',
    '--',
    '-Daeron.dpdk.local.ipv4.address=10.0.0.1/24',
    '-Daeron.dpdk.gateway.ipv4.address=10.0.0.254',
    '-Daeron.mtu.length=8k',
  );
  assert.deepEqual(ealArguments, ['-l', '0', '--no-pci', '--vdev=net_null0']);
  assert.deepEqual(dpdkLocalIpv4Address, { address: 0x0a000001, prefixLength: 24 });
  assert.equal(dpdkGatewayIpv4Address, 0x0a0000fe);
  const { dpdkLocalIpv4Address: alone } = load('-Daeron.dpdk.local.ipv4.address=10.0.0.1');
  assert.deepEqual(alone, { address: 0x0a000001, prefixLength: null });
  assert.equal(mtuLength, 8192);
  refused(
    ['-l', '0', '--'],
    'the DPDK transport has no address. Set AERON_DPDK_LOCAL_IPV4_ADDRESS, for instance to 10.0.0.1/24, or AERON_DPDK_LOCAL_IPV6_ADDRESS.',
  );
});

test('should know idle strategies by their names in C and in Java', () => {
  for (const [written, name] of [
    ['aeron_idle_strategy_busy_spinning', 'spin'],
    ['org.agrona.concurrent.BusySpinIdleStrategy', 'spin'],
    ['org.agrona.concurrent.NoOpIdleStrategy', 'noop'],
    ['org.agrona.concurrent.YieldingIdleStrategy', 'yield'],
    ['org.agrona.concurrent.SleepingIdleStrategy', 'sleep-ns'],
    ['org.agrona.concurrent.SleepingMillisIdleStrategy', 'sleep-ms'],
    ['org.agrona.concurrent.BackoffIdleStrategy', 'backoff'],
    ['noop', 'noop'],
  ]) {
    assert.equal(load(`-Daeron.conductor.idle.strategy=${written}`).conductorIdleStrategy, name);
  }
});

test('should say what is wrong with a value, where it was written, and what would be right', () => {
  refused(
    [],
    "AERON_MTU_LENGTH=1k2: INVALID_SIZE: '1k2' is not a size. Write bytes, or a number with k, m or g: 64k.",
    { AERON_MTU_LENGTH: '1k2' },
  );
  refused(['-Daeron.mtu.length=70000'], '-Daeron.mtu.length=70000: outside 32 … 65504');
  refused(['-Daeron.dir.delete.on.start=maybe'], '-Daeron.dir.delete.on.start=maybe: expected true or false');
  refused(
    ['-Daeron.threading.mode=FAST'],
    '-Daeron.threading.mode=FAST: expected one of DEDICATED, SHARED_NETWORK, SHARED, INVOKER',
  );
  refused(['-Daeron.max.resend=1.5'], '-Daeron.max.resend=1.5: expected an integer');
  refused(
    ['-Daeron.sender.wildcard.port.range=9 1'],
    '-Daeron.sender.wildcard.port.range=9 1: expected "low high", two ports from 1 to 65535, or "0 0"',
  );
  refused(
    ['-Daeron.dpdk.local.ipv4.address=10.0.0/8'],
    '-Daeron.dpdk.local.ipv4.address=10.0.0/8: expected an IPv4 address such as 10.0.0.1',
  );
});

test('should say which settings do not fit together', () => {
  refused(['-Daeron.mtu.length=1000'], 'aeron.mtu.length=1000 is not a multiple of 32. Use 992 or 1024.');
  refused(['-Daeron.ipc.mtu.length=32'], 'aeron.ipc.mtu.length=32 has no room for data. Use 64 or more.');
  refused(
    ['-Daeron.term.buffer.length=100k'],
    'aeron.term.buffer.length=102400 is not a power of two. Use 65536 or 131072.',
  );
  refused(
    ['-Daeron.conductor.buffer.length=2m'],
    'aeron.conductor.buffer.length=2097152 is not a power of two plus 768. Use 1049344 or 2097920.',
  );
  refused(
    ['-Daeron.client.liveness.timeout=1s'],
    'aeron.client.liveness.timeout=1000000000 is not more than aeron.timer.interval=1000000000. Raise the first or lower the second (both in nanoseconds).',
  );
  refused(
    ['-Daeron.publication.unblock.timeout=10s'],
    'aeron.publication.unblock.timeout=10000000000 is not more than aeron.client.liveness.timeout=10000000000. Raise the first or lower the second (both in nanoseconds).',
  );
  refused(
    ['-Daeron.rcv.initial.window.length=2m'],
    'aeron.rcv.initial.window.length=2097152 does not fit into aeron.socket.so_rcvbuf=131072. Set aeron.socket.so_rcvbuf=2097152.',
  );
  load('-Daeron.rcv.initial.window.length=2m', '-Daeron.socket.so_rcvbuf=2m');
});

test('should refuse buffers that do not fit into a CnC file', () => {
  refused(
    ['-Daeron.counters.buffer.length=500m'],
    'the buffers of the CnC file take 2627732352 bytes together, 2000000000 are possible. Lower ' +
      'aeron.counters.buffer.length=524288000, which counts five times, or the other buffers.',
  );
  refused(
    ['-Daeron.counters.buffer.length=1048577'],
    'aeron.counters.buffer.length=1048577 is not a multiple of 128. Use 1048576 or 1048704.',
  );
  load('-Daeron.counters.buffer.length=256m');
});

test('should let kernel sockets coalesce datagrams unless they are told not to', () => {
  const region = Region.allocate(64);
  const section = { offset: 0, length: 64 };
  const cnc = { region, countersValues: section } as unknown as CncFile;
  const transport = (...args: string[]) =>
    networkAgentConfig(loadConfiguration({ env: {}, args }), cnc, region, () => 0).transport;
  const kernel = { kind: 'kernel', connectSendSockets: true, receiveBurstLength: 0 };
  assert.deepEqual(transport(), { ...kernel, coalesceDatagrams: true });
  assert.deepEqual(transport('-Daeron.udp.gso=false'), { ...kernel, coalesceDatagrams: false });
  assert.deepEqual(transport('-Daeron.receiver.io.vector.capacity=4'), {
    ...kernel,
    coalesceDatagrams: true,
    receiveBurstLength: 4,
  });
  region.close();
});

test('should refuse options it does not know', () => {
  refused(
    ['--fast'],
    'option --fast is not known. The form is [EAL arguments --] [-Dname=value …] [file.properties …].',
  );
  refused(['-Dname'], '-Dname has no value. Write -Dname=value.');
});

test('should write a configuration that reads back as the same', () => {
  const options = load(
    '-Daeron.mtu.length=8k',
    '-Daeron.dpdk.local.ipv4.address=10.0.0.1/24',
    '-Daeron.nak.unicast.delay=150us',
  );
  const args = parseProperties(formatConfiguration(options)).map(([name, value]) => `-D${name}=${value}`);
  assert.deepEqual(load(...args), options);
});

test('should read property files as Java does', () => {
  const text = [
    '# comment',
    '  ! comment',
    '',
    'a=1',
    '  b : 2',
    'c 3',
    'd=one \\',
    '    two \\',
    '    three',
    'e\\ f\\==x\\ty\\u0041\\\\',
    'empty',
    'g=a=b:c',
    'h=#no comment',
  ].join('\r\n');
  assert.deepEqual(parseProperties(text), [
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
    ['d', 'one two three'],
    ['e f=', 'x\tyA\\'],
    ['empty', ''],
    ['g', 'a=b:c'],
    ['h', '#no comment'],
  ]);
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { CountersManager } from '../../src/concurrent/counters.ts';
import type { ErrorReporter } from '../../src/driver/conductor/error-reporter.ts';
import type { HostLookup } from '../../src/driver/conductor/name-resolver.ts';
import { loadConfiguration } from '../../src/driver/configuration.ts';
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import type { NetworkCommand } from '../../src/driver/messages.ts';
import { csvTableLookup } from '../../src/driver/names/csv-table.ts';
import { DriverNameResolver } from '../../src/driver/names/driver-name-resolver.ts';
import { Region } from '../../src/memory/region.ts';
import { decodeResolution, type ResolutionEntry } from '../../src/protocol/resolution-frame.ts';
import { formatSocketAddress, ipAddressBytes, parseIpAddress } from '../../src/util/ip-text.ts';

function newCounters(clock: SimulatedClock): CountersManager {
  const metadata = Region.allocate(512 * 64);
  const values = Region.allocate(128 * 64);
  return new CountersManager(
    { region: metadata, offset: 0, length: metadata.byteLength },
    { region: values, offset: 0, length: values.byteLength },
    clock,
    0,
  );
}

/** A resolver whose frames are kept, and whose hosts have the addresses of a table. */
class ResolverBench {
  readonly clock = new SimulatedClock();
  readonly counters = newCounters(this.clock);
  readonly hosts: Record<string, string> = { 'host-b': '10.0.0.2' };
  readonly errors: string[] = [];
  sent: { to: string; entries: ResolutionEntry[] }[] = [];
  readonly resolver: DriverNameResolver;

  constructor(options: Partial<DriverOptions> = {}, localAddress = 0x0a000001) {
    this.resolver = new DriverNameResolver({
      options: {
        ...loadConfiguration(),
        resolverName: 'A',
        resolverInterface: '10.0.0.1:8050',
        ...options,
      },
      clock: this.clock,
      counters: this.counters,
      errors: { record: (_code: number, text: string) => this.errors.push(text) } as unknown as ErrorReporter,
      network: { send: (command) => this.onCommand(command), poll: () => null },
      lookup: (host, callback) => {
        const address = this.hosts[host];
        callback(address === undefined ? 'not found' : null, address ?? '');
      },
    });
    const opened = { kind: 'endpointOpened', endpointId: 0, receiveBufferLength: 0 } as const;
    this.resolver.onOpened({ ...opened, localAddress, localPort: 8050 });
  }

  private onCommand(command: NetworkCommand): void {
    if (command.kind !== 'sendResolution') return;
    const { entries, isValid } = decodeResolution(command.frame);
    assert.ok(isValid);
    this.sent.push({ to: formatSocketAddress(command.remoteAddress, command.remotePort), entries });
  }

  /** What was sent in so many seconds. */
  run(seconds: number): { to: string; entries: ResolutionEntry[] }[] {
    this.sent = [];
    for (let ms = 0; ms < seconds * 1000; ms += 10) {
      this.clock.advanceNs(10e6);
      this.resolver.doWork();
    }
    return this.sent;
  }

  /** A frame comes, from the address of a driver that speaks of itself if no other is named. */
  hears(entry: Partial<ResolutionEntry>, source?: string): void {
    const { address = Uint8Array.of(10, 0, 0, 2) } = entry;
    const whole = { type: 1, isSelf: true, port: 8050, ageMs: 0, name: 'B', ...entry };
    const from = source ?? (address.length === 4 && address[0] !== 0 ? address.join('.') : '10.0.0.9');
    this.resolver.onResolution({
      kind: 'resolutionReceived',
      endpointId: 0,
      entries: [{ address: Uint8Array.of(10, 0, 0, 2), ...whole }],
      sourceAddress: parseIpAddress(from)!,
      sourcePort: 1,
    });
  }

  find(host: string): string {
    let result = 'no answer';
    this.resolver.lookup(host, (reason, address) => {
      result = reason ?? address;
    });
    return result;
  }

  counter(typeId: number): [label: string, value: number][] {
    const found: [string, number][] = [];
    this.counters.forEach((counter) => {
      if (counter.typeId === typeId) found.push([counter.label, counter.value]);
    });
    return found;
  }
}

test('should tell bootstrap neighbours who it is, every second, and count who answers', () => {
  const bench = new ResolverBench({ resolverBootstrapNeighbors: ['host-b:8050', '10.0.0.3:8051', 'gone:1'] });
  const sent = bench.run(3);
  assert.deepEqual(
    sent.map(({ to }) => to),
    Array.from({ length: 3 }, () => ['10.0.0.2:8050', '10.0.0.3:8051']).flat(),
  );
  assert.deepEqual(sent[0]!.entries, [
    { type: 1, isSelf: true, port: 8050, ageMs: 0, address: Uint8Array.of(10, 0, 0, 1), name: 'A' },
  ]);
  assert.deepEqual(bench.errors, ['bootstrap neighbor gone:1: not found']);
  bench.hears({});
  bench.run(1);
  assert.deepEqual(bench.counter(CounterType.NAME_RESOLVER_BOOTSTRAP_NEIGHBOR), [
    ['Bootstrap neighbor: name=host-b:8050 resolved=10.0.0.2:8050', 1],
    ['Bootstrap neighbor: name=10.0.0.3:8051 resolved=10.0.0.3:8051', 0],
    ['Bootstrap neighbor: name=gone:1 resolved=', 0],
  ]);
  assert.deepEqual(bench.counter(CounterType.NAME_RESOLVER_NEIGHBORS), [
    ['Resolver neighbors: bound 10.0.0.1:8050', 1],
  ]);
  assert.deepEqual(bench.counter(CounterType.NAME_RESOLVER_CACHE_ENTRIES), [
    ['Resolver cache entries: name=A', 1],
  ]);
});

test('should look a silent bootstrap neighbour up again, where it may have moved', () => {
  const bench = new ResolverBench({ resolverBootstrapNeighbors: ['host-b:8050'] });
  bench.run(1);
  bench.hosts['host-b'] = '10.0.0.7';
  assert.ok(bench.run(11).some(({ to }) => to === '10.0.0.7:8050'));
});

test('should find drivers by name, itself too, and hand other names on', () => {
  const bench = new ResolverBench();
  assert.equal(bench.find('B'), 'not found');
  bench.hears({});
  assert.equal(bench.find('B'), '10.0.0.2');
  bench.hears({ address: Uint8Array.of(10, 0, 0, 8) });
  assert.equal(bench.find('B'), '10.0.0.8', 'moved');
  assert.equal(bench.find('A'), '10.0.0.1');
  assert.equal(bench.find('host-b'), '10.0.0.2');
});

test('should take the source for the address of a driver that is bound to any', () => {
  const bench = new ResolverBench();
  bench.hears({ address: new Uint8Array(4) }, '10.0.0.5');
  assert.equal(bench.find('B'), '10.0.0.5');
});

test('should not take itself for another', () => {
  const bench = new ResolverBench();
  bench.hears({ name: 'A', port: 8050 }, '127.0.0.1');
  assert.equal(bench.run(3).length, 0, 'no neighbour');
});

test('should tell neighbours all it knows, every two seconds, with its age', () => {
  const bench = new ResolverBench();
  bench.hears({});
  bench.hears({ name: 'C', isSelf: false, ageMs: 100, address: Uint8Array.of(10, 0, 0, 3) }, '10.0.0.2');
  const gossip = bench.run(2).filter(({ entries }) => !entries[0]!.isSelf);
  assert.deepEqual(
    gossip.map(({ to }) => to),
    ['10.0.0.2:8050'],
  );
  assert.deepEqual(
    gossip[0]!.entries.map(({ name, ageMs }) => [name, ageMs]),
    [
      ['B', 2000],
      ['C', 2100],
    ],
  );
});

test('should greet who is only heard of, and tell it names when it has spoken itself', () => {
  const bench = new ResolverBench();
  const gossipTo = (): string[] => {
    const gossip = bench.run(2).filter(({ entries }) => !entries[0]!.isSelf);
    return gossip.map(({ to }) => to);
  };
  const address = Uint8Array.of(10, 0, 0, 3);
  bench.hears({ name: 'C', isSelf: false, address }, '10.0.0.2');
  bench.hears({ name: 'D', isSelf: true, address: Uint8Array.of(10, 0, 0, 4) }, '10.0.0.2');
  assert.deepEqual([...new Set(bench.run(2).map(({ to }) => to))], ['10.0.0.3:8050', '10.0.0.4:8050']);
  assert.deepEqual(gossipTo(), []);
  bench.hears({ name: 'C', address });
  assert.deepEqual(gossipTo(), ['10.0.0.3:8050']);
});

test('should tell a configured neighbour names, whoever it is heard of from', () => {
  const bench = new ResolverBench({ resolverBootstrapNeighbors: ['10.0.0.3:8050'] });
  bench.hears({ name: 'C', isSelf: false, address: Uint8Array.of(10, 0, 0, 3) }, '10.0.0.2');
  const gossip = bench.run(2).filter(({ entries }) => !entries[0]!.isSelf);
  assert.deepEqual(
    gossip.map(({ to }) => to),
    ['10.0.0.3:8050'],
  );
});

test('should send 512 frames of names an interval at most, to everybody in turn', () => {
  const bench = new ResolverBench();
  const told = new Map<string, number>();
  for (let interval = 0; interval < 8; interval++) {
    for (let i = 0; i < 1024; i++) {
      const address = Uint8Array.of(10, 1, i >> 8, i);
      bench.hears({ name: `driver-with-a-rather-long-name-number-${i}`, address });
    }
    const gossip = bench.run(2).filter(({ entries }) => !entries[0]!.isSelf);
    assert.ok(gossip.length > 400 && gossip.length <= 512, `${gossip.length} frames`);
    for (const { to } of gossip) told.set(to, (told.get(to) ?? 0) + 1);
  }
  assert.ok(told.size > 60, `${told.size} were told`);
  assert.equal(new Set(told.values()).size, 1, 'all were told the same');
});

test('should leave room for drivers that speak themselves', () => {
  const bench = new ResolverBench();
  for (let i = 0; i < 1000; i++) {
    bench.hears({ name: 'X', isSelf: i % 2 === 0, address: Uint8Array.of(10, 1, i >> 8, i) }, '10.0.0.66');
  }
  bench.hears({ name: 'C', address: Uint8Array.of(10, 0, 0, 3) });
  const greeted = new Set(bench.run(1).map(({ to }) => to));
  assert.equal(greeted.size, 129);
  assert.ok(greeted.has('10.0.0.3:8050'));
});

test('should split what it knows into frames of at most the MTU', () => {
  const bench = new ResolverBench({ mtuLength: 256 });
  for (let i = 0; i < 50; i++) bench.hears({ name: `driver-${i}` });
  const gossip = bench.run(2).filter(({ entries }) => !entries[0]!.isSelf);
  assert.equal(
    gossip.reduce((sum, { entries }) => sum + entries.length, 0),
    50,
  );
  assert.ok(gossip.every(({ entries }) => entries.length <= 10));
});

test('should forget drivers that nobody hears of', () => {
  const bench = new ResolverBench();
  bench.hears({});
  bench.run(5);
  bench.hears({ isSelf: false, ageMs: 5000 });
  bench.run(4.9);
  assert.equal(bench.find('B'), '10.0.0.2');
  bench.run(0.2);
  assert.equal(bench.find('B'), 'not found');
  assert.equal(bench.run(2).length, 0);
});

test('should bound what strangers can make it remember', () => {
  const bench = new ResolverBench();
  for (let i = 0; i < 5000; i++) {
    bench.hears({ name: `x${i}`, ageMs: -1_000_000, address: Uint8Array.of(10, 1, i >> 8, i) });
  }
  bench.run(0.01);
  assert.equal(bench.counter(CounterType.NAME_RESOLVER_CACHE_ENTRIES)[0]![1], 1024);
  assert.equal(bench.counter(CounterType.NAME_RESOLVER_NEIGHBORS)[0]![1], 256);
  bench.clock.advanceNs(11e9);
  bench.run(0.01);
  assert.equal(bench.counter(CounterType.NAME_RESOLVER_CACHE_ENTRIES)[0]![1], 0, 'whatever age they claimed');
});

test('should refuse a resolver that has no name or no address', () => {
  const load = (...args: string[]) =>
    loadConfiguration({ args: args.map((arg) => `-Daeron.driver.resolver.${arg}`) });
  assert.throws(
    () => load('interface=0.0.0.0:8050'),
    /resolverName is required when resolverInterface is set/,
  );
  assert.throws(() => load('interface=eth0:8050', 'name=A'), /interface: eth0 is not an IP address/);
  assert.throws(() => load('interface=0.0.0.0', 'name=A'), /interface: 0.0.0.0 is not host:port/);
  assert.throws(
    () => load('interface=0.0.0.0:1', 'name=A', 'bootstrap.neighbor=b:1,c'),
    /bootstrap.neighbor: c is not host:port/,
  );
});

test('should look up what a CSV table says, as its counters say', (t: TestContext) => {
  const clock = new SimulatedClock();
  const counters = newCounters(clock);
  const system: HostLookup = (host, callback) => callback(null, `address of ${host}`);
  const lookup = csvTableLookup('server,10.0.0.1,10.0.0.2|other,a,b', counters, system);
  const find = (host: string): string => {
    let result = '';
    lookup(host, (reason, address) => {
      result = reason ?? address;
    });
    return result;
  };
  t.diagnostic('one counter a row');
  assert.equal(find('unknown'), 'address of unknown');
  assert.equal(find('server'), 'address of 10.0.0.1');
  let id = -1;
  counters.forEach((counter) => {
    if (counter.typeId !== CounterType.NAME_RESOLVER_CSV_ENTRY || !counter.label.includes("'server'")) return;
    assert.equal(
      counter.label,
      "NameEntry{name='server', initialResolutionHost='10.0.0.1', reResolutionHost='10.0.0.2'}",
    );
    id = counter.id;
  });
  counters.setValue(id, 1);
  assert.equal(find('server'), 'address of 10.0.0.2');
  counters.setValue(id, -1);
  assert.equal(find('server'), 'disabled by its counter');
  assert.equal(find('other'), 'address of a');
  assert.throws(() => csvTableLookup('', counters, system), /has 0 rows/);
  assert.throws(() => csvTableLookup('a,b', counters, system), /"a,b" is not name,initial host/);
});

test('should speak IPv6 with an address of it, and know drivers by addresses of both families', () => {
  const ours = parseIpAddress('2001:db8::a')!;
  const options = {
    resolverInterface: '[2001:db8::a]:8050',
    resolverBootstrapNeighbors: ['[2001:db8::b]:8051'],
  };
  const bench = new ResolverBench(options, ours);
  const [sent] = bench.run(1);
  assert.equal(sent!.to, '[2001:db8::b]:8051');
  assert.deepEqual(sent!.entries, [
    { type: 2, isSelf: true, port: 8050, ageMs: 0, address: ipAddressBytes(ours), name: 'A' },
  ]);
  // Who does not know its own address is where its frame came from, on our interface if that is link-local.
  bench.hears({ type: 2, port: 8051, address: new Uint8Array(16) }, 'fe80::b%lo');
  bench.hears({ name: 'C', type: 2, address: ipAddressBytes(parseIpAddress('2001:db8::c')!) }, 'fe80::b%lo');
  bench.hears({ name: 'D' }, '2001:db8::d');
  assert.equal(bench.find('A'), '2001:db8::a');
  assert.equal(bench.find('B'), 'fe80::b');
  assert.equal(bench.find('C'), '2001:db8::c');
  assert.equal(bench.find('D'), '10.0.0.2');
  const told = new Set(bench.run(1).map(({ to }) => to));
  assert.deepEqual([...told].sort(), [
    '10.0.0.2:8050',
    '[2001:db8::b]:8051',
    '[2001:db8::c]:8050',
    '[fe80::b%lo]:8051',
  ]);
});

test('should not send to IPv6 from a socket of IPv4', () => {
  const bench = new ResolverBench();
  bench.hears({ name: 'C', type: 2, address: ipAddressBytes(parseIpAddress('2001:db8::c')!) });
  assert.equal(bench.find('C'), '2001:db8::c');
  assert.deepEqual(bench.run(2), []);
});

test('an address that no host has makes nobody a neighbour', () => {
  const bench = new ResolverBench();
  bench.run(1);
  bench.hears({ address: Uint8Array.of(0, 1, 0x86, 0xa0) });
  bench.hears({ address: Uint8Array.of(0, 0xff, 0xff, 0xff) });
  bench.hears({ address: Uint8Array.of(0, 0, 0, 1) });
  assert.deepEqual(bench.run(10), []);
});

import assert from 'node:assert/strict';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { CountersManager, CountersReader } from '../../src/concurrent/counters.ts';
import type { ErrorReporter } from '../../src/driver/conductor/error-reporter.ts';
import { loadConfiguration } from '../../src/driver/configuration.ts';
import { DriverNameResolver } from '../../src/driver/names/driver-name-resolver.ts';
import { Region } from '../../src/memory/region.ts';
import {
  decodeResolution,
  encodeResolution,
  RESOLUTION_TYPE_IPV4,
  RESOLUTION_TYPE_IPV6,
  type ResolutionEntry,
} from '../../src/protocol/resolution-frame.ts';
import type { Prng } from '../../src/util/prng.ts';
import { TestAgent } from '../support/stream-fixtures.ts';
import { FuzzTransport } from './fuzz-transport.ts';
import { type Field, Mutator, words } from './mutator.ts';
import type { FuzzTarget } from './target.ts';

const METADATA_LENGTH = 512 * 64;
const VALUES_LENGTH = 128 * 64;
const FRAME_LENGTH_MAX = 1408;
const VALID_OF_16 = 3;
const CACHE_ENTRIES_MAX = 1024;
const NEIGHBOURS_MAX = 256;
/** Of the frame, and of its first entry. */
const FIELDS: readonly Field[] = [
  { offset: 0, width: 4 },
  { offset: 4, width: 1 },
  { offset: 6, width: 2 },
  { offset: 8, width: 1 },
  { offset: 8, width: 1 },
  { offset: 9, width: 1 },
  { offset: 10, width: 2 },
  { offset: 20, width: 2 },
  { offset: 20, width: 2 },
  { offset: 32, width: 2 },
  ...words(12, 16, 24),
];

/** Frames at the socket of a driver that knows others by their names: the network agent's part and the conductor's. */
export class ResolverTarget implements FuzzTarget {
  private readonly prng: Prng;
  private readonly transport: FuzzTransport;
  private readonly agent: TestAgent;
  private readonly mutator: Mutator;
  private readonly metadata: Region = Region.allocate(METADATA_LENGTH);
  private readonly values: Region = Region.allocate(VALUES_LENGTH);
  private readonly counters: CountersReader;
  private readonly resolver: DriverNameResolver;
  private readonly errors: string[] = [];

  constructor(prng: Prng) {
    this.prng = prng;
    this.transport = new FuzzTransport(prng);
    this.transport.onSent = checkSent;
    this.agent = new TestAgent(this.transport);
    this.mutator = new Mutator(prng, 2048, true);
    const metadata = { region: this.metadata, offset: 0, length: METADATA_LENGTH };
    const values = { region: this.values, offset: 0, length: VALUES_LENGTH };
    this.counters = new CountersReader(metadata, values);
    this.resolver = new DriverNameResolver({
      options: {
        ...loadConfiguration(),
        resolverName: 'A',
        resolverInterface: '127.0.0.1:8050',
        resolverBootstrapNeighbors: ['node1:8050', '127.0.0.2:8050'],
      },
      clock: this.agent.clock,
      counters: new CountersManager(metadata, values, this.agent.clock, 0),
      errors: { record: (_code: number, text: string) => this.errors.push(text) } as unknown as ErrorReporter,
      network: { send: (command) => this.agent.command(command), poll: () => null },
      lookup: (_host, callback) => callback('not found', ''),
    });
    this.takeEvents();
  }

  get isMalformed(): boolean {
    return this.mutator.isSpoiled;
  }

  step(): void {
    const { prng, mutator, transport } = this;
    mutator.begin();
    if (prng.nextBelow(64) === 0) {
      mutator.randomize(prng.nextBelow(128));
    } else {
      mutator.load(encodeResolution(Array.from({ length: 1 + prng.nextBelow(3) }, () => this.entry())));
      if (prng.nextBelow(16) >= VALID_OF_16) mutator.mutate(FIELDS);
    }
    transport.deliver(mutator.bytes, mutator.length);
    if (transport.isFull) this.cycle();
  }

  private entry(): ResolutionEntry {
    const { prng, mutator } = this;
    const isIpv4 = prng.nextBelow(4) > 0;
    const address = Buffer.alloc(isIpv4 ? 4 : 16);
    if (prng.nextBelow(8) > 0) for (let i = 0; i < address.length; i++) address[i] = prng.nextBelow(3);
    // Long names rarely, and few of them: all that is known is told to everybody that is known, over and over.
    const length = prng.nextBelow(256) === 0 ? 512 - prng.nextBelow(2) : 1 + prng.nextBelow(8);
    const name = mutator.pick(['A', 'B', `node${prng.nextBelow(64)}`, 'x'.repeat(length)]);
    return {
      type: isIpv4 ? RESOLUTION_TYPE_IPV4 : RESOLUTION_TYPE_IPV6,
      isSelf: prng.nextBelow(2) === 0,
      port: mutator.pick([8050, 8051, 0, prng.nextBelow(65536)]),
      ageMs: mutator.pick([0, 1, 5000, -1, 0x7fffffff]),
      address,
      name,
    };
  }

  private cycle(): void {
    const { agent, prng } = this;
    agent.clock.advanceNs(1e6 * (prng.nextBelow(1000) === 0 ? 20_000 : prng.nextBelow(3)));
    agent.agent.doWork();
    this.takeEvents();
    this.resolver.doWork();
  }

  private takeEvents(): void {
    for (const event of this.agent.takeEvents()) {
      if (event.kind === 'endpointOpened') this.resolver.onOpened(event);
      else if (event.kind === 'resolutionReceived') this.resolver.onResolution(event);
    }
  }

  check(): void {
    this.resolver.lookup('B', () => {});
    for (const [typeId, max] of [
      [CounterType.NAME_RESOLVER_CACHE_ENTRIES, CACHE_ENTRIES_MAX],
      [CounterType.NAME_RESOLVER_NEIGHBORS, NEIGHBOURS_MAX],
    ] as const) {
      this.counters.forEach(({ typeId: found, value, label }) => {
        if (found === typeId) assert.ok(value >= 0 && value <= max, `${label} is ${value}`);
      });
    }
    // Of hosts that nobody knows, each time that they are looked up.
    for (const text of this.errors.splice(0)) assert.match(text, /^bootstrap neighbor /);
  }

  describe(): string {
    return this.mutator.bytes.toString('hex', 0, this.mutator.length);
  }

  close(): void {
    this.agent.close();
    this.metadata.close();
    this.values.close();
  }
}

function checkSent(view: DataView, length: number): void {
  assert.ok(length <= FRAME_LENGTH_MAX, `a frame of ${length} bytes`);
  const { isValid } = decodeResolution(new Uint8Array(view.buffer, view.byteOffset, length).slice());
  assert.ok(isValid, 'what is sent is valid');
}

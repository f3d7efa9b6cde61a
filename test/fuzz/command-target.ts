import assert from 'node:assert/strict';
import { CncFile } from '../../src/cnc/cnc-file.ts';
import { type Command, commandTypeId, encodeCommand } from '../../src/cnc/commands.ts';
import { CounterType, SystemCounter } from '../../src/cnc/counter-types.ts';
import type { Prng } from '../../src/util/prng.ts';
import { ConductorBench, setupReceived } from '../support/conductor-bench.ts';
import { type Field, Mutator, words } from './mutator.ts';
import type { FuzzTarget } from './target.ts';

const MESSAGE_LENGTH_MAX = 4096;
/** A driver lives for so many commands, then everything must be given back. */
const COMMANDS_PER_DRIVER = 20_000;
const COMMANDS_PER_RUN = 8;
const VALID_OF_16 = 6;
/** Each costs the clients' time, and so all that they have. */
const SPOILED_ONE_OF = 512;
/** Static counters stay for ever. */
const STATIC_OWNER_ID = -1;
/** Dead producers that may be in the ring at once, and what their records are taken for. */
const UNBLOCKS_MAX = 1000;
const CLIENT_IDS = [100, 100, 200, 300, 0, -1, 2 ** 53 - 1];
/** The ring starts behind the metadata of the file. */
const RING_OFFSET = 128;
const HEADER_LENGTH = 8;

const FIELDS: readonly Field[] = [
  { offset: 0, width: 8 },
  { offset: 8, width: 8 },
  { offset: 16, width: 8 },
  { offset: 24, width: 8 },
  ...words(16, 20, 24, 28, 32, 36, 40),
];

const HOSTS = [
  '127.0.0.1',
  'localhost',
  '0.0.0.0',
  '224.0.1.1',
  '239.255.0.3',
  'nobody',
  '[::1]',
  '999.1.1.1',
  '',
];
const PORTS = ['24325', '24326', '0', '65535', '65536', '-1', 'x', '', '99999999999999999999'];
const NUMBERS = [
  '0',
  '1',
  '-1',
  '64k',
  '64K',
  '1m',
  '65536',
  '65537',
  '1073741824',
  '1g',
  '2g',
  '1408',
  '1409',
  '32',
  '8192',
  '2147483647',
  '-2147483648',
  '4294967296',
  '9223372036854775807',
  '1e3',
  '0x10',
  ' 1',
  '1s',
  '5ms',
  '1us',
  'tag:1',
  '99999999999999999999',
  '',
];
const WORDS = [
  'true',
  'false',
  'TRUE',
  'max',
  'min',
  'tagged',
  'min,g:/2',
  'tagged,g:-5/2,t:1s',
  'static',
  'cubic',
];
const MODES = ['manual', 'dynamic', 'response', 'none'];
/** What a channel may be asked for, and what it may be given. */
const PARAMETERS: readonly (readonly [string, readonly string[]])[] = [
  ['interface', [...HOSTS, '{eth0}', '10.0.0.0/8', '127.0.0.1/33']],
  ['control-mode', MODES],
  ['tags', ['1', '1,2', ',', ',2', '-1']],
  ['session-id', NUMBERS],
  ['response-correlation-id', ['prototype', ...NUMBERS]],
  ['fc', WORDS],
  ['cc', WORDS],
  ['alias', ['x'.repeat(600), 'a=b', '\u0000', '|']],
  ...[
    'term-length',
    'mtu',
    'ttl',
    'init-term-id',
    'term-id',
    'term-offset',
    'linger',
    'so-sndbuf',
    'so-rcvbuf',
    'rcv-wnd',
    'pub-wnd',
    'max-resend',
    'nak-delay',
    'gtag',
    'stream-id',
    'untethered-window-limit-timeout',
    'untethered-resting-timeout',
    'untethered-linger-timeout',
    'channel-rcv-ts-offset',
  ].map((key) => [key, NUMBERS] as const),
  ...['sparse', 'eos', 'ssc', 'tether', 'group', 'reliable', 'rejoin', 'ats'].map(
    (key) => [key, WORDS] as const,
  ),
];
/** Channels of every kind there is, so that what hangs on them is reached, too. */
const CHANNELS = [
  'aeron:ipc',
  'aeron-spy:aeron:ipc',
  'aeron:udp?endpoint=127.0.0.1:24325',
  'aeron-spy:aeron:udp?endpoint=127.0.0.1:24325',
  'aeron:udp?endpoint=127.0.0.1:24325|tags=1,2',
  'aeron:udp?tags=1',
  'aeron:ipc?session-id=tag:2',
  'aeron:udp?endpoint=224.0.1.1:24327|interface=127.0.0.1',
  'aeron:udp?control-mode=manual',
  'aeron:udp?control-mode=manual|tags=7',
  'aeron:udp?control=127.0.0.1:24328|control-mode=manual',
  'aeron:udp?control=127.0.0.1:24329|control-mode=dynamic|fc=min,g:/1',
  'aeron:udp?control=127.0.0.1:24329|control-mode=dynamic|fc=tagged,g:3/1,t:1s',
  'aeron:udp?endpoint=127.0.0.1:0|control=127.0.0.1:24329|control-mode=dynamic|gtag=3',
  'aeron:udp?control=127.0.0.1:24330|control-mode=response',
  'aeron:udp?endpoint=127.0.0.1:24331|tether=false|group=true|rejoin=false',
];
/** Terms of a gigabyte are nothing that is learnt from. */
const TOO_LARGE = /term-length=(1073741824|1g)/;

/**
 * Commands in the ring of a real conductor, over a real CnC file: fields and channels that are nearly right, bytes that
 * are not, records whose lengths and types are wrong, producers that die. Clients come and go all the time.
 */
export class CommandTarget implements FuzzTarget {
  private readonly prng: Prng;
  private readonly mutator: Mutator;
  private bench: ConductorBench;
  private cnc: CncFile;
  private cleanUps: (() => void)[] = [];
  private commands = 0;
  private released = new Set<number>();
  isMalformed = false;
  private latestTypeId = 0;
  private mappedAtStart = 0;

  constructor(prng: Prng) {
    this.prng = prng;
    this.mutator = new Mutator(prng, MESSAGE_LENGTH_MAX, true);
    [this.bench, this.cnc] = this.startDriver();
  }

  private startDriver(): [ConductorBench, CncFile] {
    const { cleanUps } = this;
    const after = (cleanUp: unknown): void => void cleanUps.push(cleanUp as () => void);
    // Room for every error: what does not fit would be printed.
    const bench = new ConductorBench({ after }, { errorBufferLength: 1 << 26 });
    this.mappedAtStart = bench.systemCounter(SystemCounter.BYTES_CURRENTLY_MAPPED);
    return [bench, CncFile.map(bench.directory)];
  }

  step(): void {
    const { prng } = this;
    this.mutator.begin();
    this.isMalformed = false;
    const command = this.command();
    const { mutator } = this;
    mutator.length = encodeCommand(command, mutator.bytes);
    let typeId = commandTypeId(command);
    if (prng.nextBelow(16) >= VALID_OF_16) mutator.mutate(FIELDS);
    if (prng.nextBelow(32) === 0) mutator.randomize(prng.nextBelow(256));
    const knownTypeId = typeId;
    if (prng.nextBelow(32) === 0) typeId = 1 + prng.nextBelow(prng.nextBelow(2) === 0 ? 0x20 : 0x7fffffff);
    mutator.length = Math.min(mutator.length, MESSAGE_LENGTH_MAX);
    this.latestTypeId = typeId;
    this.isMalformed = mutator.isSpoiled || typeId !== knownTypeId;
    const at = this.cnc.toDriver.producerPosition();
    this.write(typeId);
    if (prng.nextBelow(SPOILED_ONE_OF) === 0) {
      this.isMalformed = true;
      this.spoilRecord(at);
    }
    if (++this.commands % COMMANDS_PER_RUN === 0) this.run();
    if (this.commands % COMMANDS_PER_DRIVER === 0) this.endDriver();
  }

  /** The ring is full when a producer died in it: after the time that clients have, the conductor goes on behind it. */
  private write(typeId: number): void {
    const { cnc, mutator, bench } = this;
    for (let i = 0; i < UNBLOCKS_MAX; i++) {
      if (cnc.toDriver.write(typeId, mutator.bytes, 0, mutator.length)) return;
      bench.advanceMs(11_000, false);
      bench.run();
    }
    assert.fail(`the ring is blocked for good at ${cnc.toDriver.consumerPosition()}`);
  }

  /** A producer that writes the header of its record wrong, or dies before it is done. */
  private spoilRecord(position: number): void {
    const { cnc, mutator } = this;
    const mask = cnc.toDriver.capacity - 1;
    // A record that did not fit starts at the beginning.
    const wasWrapped = (cnc.toDriver.producerPosition() & mask) < (position & mask);
    const index = (RING_OFFSET + (wasWrapped ? 0 : position & mask)) >> 2;
    const length = HEADER_LENGTH + mutator.length;
    const { i32 } = cnc.region;
    if (this.prng.nextBelow(2) === 0) {
      i32[index + 1] = mutator.pick([-1, 0, -2, 0x7fffffff, -0x80000000]);
    } else {
      i32[index] = mutator.pick([-length, 0, 1, 4, 7, 8, length - 1, length - 8, length + 8, 0x7fffffff, -1]);
    }
    this.bench.run();
    this.bench.advanceMs(12_000, false);
  }

  private command(): Command {
    const { prng, mutator } = this;
    const clientId = mutator.pick(CLIENT_IDS);
    const correlationId = this.cnc.toDriver.nextCorrelationId();
    const common = { clientId, correlationId };
    const registrationId = Math.max(0, correlationId - prng.nextBelow(64));
    const streamId = mutator.pick([10, 11, 12, -1]);
    const key = Buffer.alloc(prng.nextBelow(130), 7);
    switch (prng.nextBelow(20)) {
      case 0:
      case 1:
      case 2:
        return { type: 'addPublication', ...common, streamId, channel: this.channel() };
      case 3:
      case 4:
        return { type: 'addExclusivePublication', ...common, streamId, channel: this.channel() };
      case 5:
      case 6:
      case 7: {
        const channel = this.channel();
        return { type: 'addSubscription', ...common, registrationCorrelationId: -1, streamId, channel };
      }
      case 8:
        return { type: 'removePublication', ...common, registrationId, revoke: prng.nextBelow(2) === 0 };
      case 9:
        return { type: 'removeSubscription', ...common, registrationId };
      case 10:
        return {
          type: 'addCounter',
          ...common,
          typeId: prng.next(),
          key,
          label: 'l'.repeat(prng.nextBelow(400)),
        };
      case 11:
        return prng.nextBelow(32) === 0
          ? {
              type: 'addStaticCounter',
              ...common,
              registrationId: prng.nextBelow(8),
              typeId: 1001,
              key,
              label: 's',
            }
          : { type: 'removeCounter', ...common, registrationId };
      case 12:
        return {
          type: 'rejectImage',
          ...common,
          imageCorrelationId: registrationId,
          position: 0,
          reason: 'no',
        };
      case 13: {
        const type = mutator.pick(['addDestination', 'removeDestination'] as const);
        return { type, ...common, registrationId, channel: this.channel() };
      }
      case 14: {
        const type = mutator.pick(['addReceiveDestination', 'removeReceiveDestination'] as const);
        return { type, ...common, registrationId, channel: this.channel() };
      }
      case 15: {
        const destinationRegistrationId = Math.max(0, correlationId - prng.nextBelow(64));
        return { type: 'removeDestinationById', ...common, registrationId, destinationRegistrationId };
      }
      case 16:
        return { type: 'getNextAvailableSessionId', ...common, streamId };
      case 17:
        return { type: 'terminateDriver', ...common, token: key };
      case 18:
        return { type: 'clientKeepalive', ...common };
      default:
        return prng.nextBelow(8) === 0
          ? { type: 'clientClose', ...common }
          : { type: 'removePublication', ...common, registrationId, revoke: false };
    }
  }

  /** A channel that is well formed as a rule. */
  private channel(): string {
    const { prng, mutator } = this;
    if (prng.nextBelow(3) === 0) return mutator.pick(CHANNELS);
    const media = prng.nextBelow(16) === 0 ? mutator.pick(['tcp', '']) : mutator.pick(['udp', 'udp', 'ipc']);
    const prefix = prng.nextBelow(8) > 0 ? 'aeron:' : mutator.pick(['aeron-spy:aeron:', 'aaron:']);
    const parts: string[] = [];
    const address = (): string =>
      prng.nextBelow(4) > 0 ? '127.0.0.1:24325' : `${mutator.pick(HOSTS)}:${mutator.pick(PORTS)}`;
    if (media === 'udp' && prng.nextBelow(8) > 0) parts.push(`endpoint=${address()}`);
    if (prng.nextBelow(6) === 0) parts.push(`control=${address()}`);
    for (let i = prng.nextBelow(4) - 1; i > 0; i--) {
      const [key, values] = mutator.pick(PARAMETERS);
      parts.push(`${key}=${mutator.pick(values)}`);
    }
    const text = `${prefix}${media}${parts.length > 0 ? '?' : ''}${parts.join('|')}`;
    return TOO_LARGE.test(text) ? 'aeron:ipc' : text;
  }

  private run(): void {
    const { bench, prng } = this;
    bench.run();
    for (const { answer } of bench.lookups.splice(0)) {
      answer(prng.nextBelow(2) === 0 ? 'unknown' : null, '127.0.0.1');
    }
    if (prng.nextBelow(4) === 0) this.setUp();
    this.answer();
    if (prng.nextBelow(8) === 0) bench.advanceMs(1000, false);
    bench.terminations.length = 0;
  }

  /** A stream arrives for whoever wants it. */
  private setUp(): void {
    const { bench, mutator } = this;
    const endpointId = bench.network.commands.findLast(({ kind }) => kind === 'addReceiveEndpoint');
    if (endpointId?.kind !== 'addReceiveEndpoint') return;
    bench.network.emit(
      setupReceived(endpointId.endpointId, {
        streamId: mutator.pick([10, 11]),
        sessionId: this.prng.nextBelow(4),
      }),
    );
    bench.run();
  }

  /** Does what the network agent owes, a while later as it were. */
  private answer(): void {
    const { bench, released } = this;
    const { commands } = bench.network;
    const gone: number[] = [];
    for (const command of commands) {
      if (command.kind === 'addDestination' && this.prng.nextBelow(16) === 0) {
        const { endpointId, destinationId } = command;
        bench.network.emit({ kind: 'destinationSilent', endpointId, destinationId });
      }
      if (command.kind === 'drainPublication') gone.push(command.registrationId);
      if (command.kind === 'addImage' && this.prng.nextBelow(2) === 0)
        gone.push(command.image.registrationId);
      if (command.kind === 'addImage') released.add(command.image.registrationId);
      if (command.kind === 'addSubscriber') {
        const { registrationId, subscriber } = command;
        const kind = this.prng.nextBelow(8) === 0 ? 'subscriberRefused' : 'subscriberAdded';
        bench.network.emit({ kind, registrationId, counterId: subscriber.counterId, joinPosition: 64 });
      }
    }
    commands.length = 0;
    for (const registrationId of gone) this.release(registrationId);
    bench.run();
  }

  private release(registrationId: number): void {
    this.released.delete(registrationId);
    this.bench.network.emit({ kind: 'streamUnavailable', registrationId });
    this.bench.network.emit({ kind: 'streamReleased', registrationId });
  }

  /** Clients are silent until the driver gives them up: nothing of what they had may be left. */
  private endDriver(): void {
    const { bench } = this;
    for (let i = 0; i < 40; i++) {
      bench.advanceMs(1000, false);
      for (const { answer } of bench.lookups.splice(0)) answer('unknown', '');
      if (i > 30) for (const registrationId of this.released) this.release(registrationId);
      this.answer();
    }
    const left: string[] = [];
    bench.counters.forEach(({ label, typeId, ownerId }) => {
      if (typeId !== CounterType.SYSTEM && ownerId !== STATIC_OWNER_ID) left.push(label);
    });
    assert.deepEqual(left, [], 'counters that are left when every client is gone');
    const mapped = bench.systemCounter(SystemCounter.BYTES_CURRENTLY_MAPPED);
    assert.equal(mapped, this.mappedAtStart, 'bytes of logs that are left when every client is gone');
    this.stopDriver();
    [this.bench, this.cnc] = this.startDriver();
  }

  private stopDriver(): void {
    this.cnc.close();
    for (const cleanUp of this.cleanUps.splice(0)) cleanUp();
    this.released = new Set();
  }

  check(): void {
    assert.ok(this.bench.lookups.length < 1000);
  }

  describe(): string {
    return `type ${this.latestTypeId}: ${this.mutator.bytes.toString('latin1', 0, this.mutator.length)}`;
  }

  close(): void {
    this.stopDriver();
  }
}

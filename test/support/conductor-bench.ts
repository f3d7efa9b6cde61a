import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { CncFile } from '../../src/cnc/cnc-file.ts';
import { type Command, commandTypeId, encodeCommand } from '../../src/cnc/commands.ts';
import { type DriverEvent, decodeEvent } from '../../src/cnc/events.ts';
import { BroadcastReceiver } from '../../src/concurrent/broadcast-receiver.ts';
import { type Clock, SimulatedClock } from '../../src/concurrent/clock.ts';
import { type CounterInfo, CountersReader } from '../../src/concurrent/counters.ts';
import { readErrorLog } from '../../src/concurrent/distinct-error-log.ts';
import { Conductor } from '../../src/driver/conductor/conductor.ts';
import { EventTransmitter } from '../../src/driver/conductor/event-transmitter.ts';
import { LogStore } from '../../src/driver/conductor/log-store.ts';
import { type HostLookup, knownAddress, NameResolver } from '../../src/driver/conductor/name-resolver.ts';
import { loadConfiguration } from '../../src/driver/configuration.ts';
import { DriverFiles } from '../../src/driver/driver-files.ts';
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import type { NetworkCommand, NetworkEvent } from '../../src/driver/messages.ts';
import type { NetworkLink } from '../../src/driver/network-link.ts';
import { MAPPED_FILES } from '../../src/memory/shared-files.ts';

export const LOOPBACK = 0x7f000001;

type EventOf<Type extends DriverEvent['type']> = Extract<DriverEvent, { type: Type }>;
type NetworkCommandOf<Kind extends NetworkCommand['kind']> = Extract<NetworkCommand, { kind: Kind }>;
/** A command without its ids, which the bench fills in. */
type Request = Command extends infer C
  ? C extends Command
    ? Omit<C, 'clientId' | 'correlationId'>
    : never
  : never;

/** Stands for the network agent: keeps what it is told, and says what the test wants it to say. */
export class ScriptedNetwork implements NetworkLink {
  readonly commands: NetworkCommand[] = [];
  /** False: the test says itself when endpoints open, and when counters are let go. */
  answers = true;
  private readonly events: NetworkEvent[] = [];

  send(command: NetworkCommand): void {
    // Plain data only may cross to another isolate.
    this.commands.push(structuredClone(command));
    if (!this.answers) return;
    if (command.kind === 'addSendEndpoint' || command.kind === 'addReceiveEndpoint') {
      this.emit(opened(command));
    } else if (command.kind === 'addMultiDestinationEndpoint') {
      const { endpointId } = command;
      const nothing = { localAddress: 0, localPort: 0, receiveBufferLength: 0 };
      this.emit({ kind: 'endpointOpened', endpointId, ...nothing });
    } else if (command.kind === 'addReceiveDestination') {
      const { destinationId, options } = command;
      const { localAddress } = options;
      const localPort = options.localPort === 0 ? 40_000 + destinationId : options.localPort;
      this.emit({ kind: 'destinationOpened', destinationId, localAddress, localPort });
    } else if (command.kind === 'removeEndpoint') {
      this.emit({ kind: 'endpointClosed', endpointId: command.endpointId });
    } else if (command.kind === 'removeSubscriber') {
      this.emit({ kind: 'subscriberRemoved', counterId: command.counterId });
    }
  }

  emit(event: NetworkEvent): void {
    this.events.push(event);
  }

  poll(): NetworkEvent | null {
    return this.events.shift() ?? null;
  }

  all<Kind extends NetworkCommand['kind']>(kind: Kind): NetworkCommandOf<Kind>[] {
    return this.commands.filter((command): command is NetworkCommandOf<Kind> => command.kind === kind);
  }

  /** The last command of this kind. */
  last<Kind extends NetworkCommand['kind']>(kind: Kind): NetworkCommandOf<Kind> {
    const command = this.all(kind).at(-1);
    if (command === undefined)
      throw new Error(`no ${kind} was sent: ${this.commands.map((one) => one.kind)}`);
    return command;
  }
}

/** What the agent answers when an endpoint has opened. */
export function opened(command: NetworkCommandOf<'addSendEndpoint' | 'addReceiveEndpoint'>): NetworkEvent {
  const { localAddress, localPort, receiveBufferLength } = command.options;
  return {
    kind: 'endpointOpened',
    endpointId: command.endpointId,
    localAddress: localAddress === 0 ? LOOPBACK : localAddress,
    localPort: localPort === 0 ? 40_000 + command.endpointId : localPort,
    receiveBufferLength: receiveBufferLength === 0 ? 212_992 : receiveBufferLength,
  };
}

/** A clock that the test moves. */
export type TestClock = Clock & { advanceNs(ns: number): void };

/**
 * A conductor over a real CnC file, with a network agent that is scripted and a clock that stands still. The test is its
 * client, at the level of bytes in the rings.
 */
export class ConductorBench {
  readonly directory: string;
  readonly clock: TestClock;
  readonly network: ScriptedNetwork = new ScriptedNetwork();
  readonly options: DriverOptions;
  readonly conductor: Conductor;
  /** Tokens of the terminations that were asked for. */
  readonly terminations: Buffer[] = [];
  /** Look-ups that the test has not answered. */
  readonly lookups: { host: string; answer: Parameters<HostLookup>[1] }[] = [];
  clientId = 100;
  /** Bytes free in the Aeron directory, as the conductor sees it. */
  usableSpace = 1e12;
  /** Why logs cannot be removed; '': they can. */
  removalFailure = '';
  private readonly files: DriverFiles;
  /** The client's own view of the file. */
  private readonly cnc: CncFile;
  private readonly receiver: BroadcastReceiver;
  private readonly bytes: Buffer = Buffer.alloc(8192);
  private readonly unread: DriverEvent[] = [];

  constructor(
    t: Pick<TestContext, 'after'>,
    options: Partial<DriverOptions> = {},
    maxDatagramLength = 65_504,
    clock: TestClock = new SimulatedClock(),
  ) {
    this.clock = clock;
    this.directory = mkdtempSync('/dev/shm/aeron-bypass-test-');
    mkdirSync(join(this.directory, 'publications'));
    mkdirSync(join(this.directory, 'images'));
    this.options = {
      ...loadConfiguration(),
      dir: this.directory,
      countersBufferLength: 1024 * 1024,
      termBufferLength: 65_536,
      ipcTermBufferLength: 65_536,
      ...options,
    };
    const { network } = this;
    this.files = new DriverFiles(this.options, clock);
    const { cnc, counters, errors, systemCounter } = this.files;
    let randomInt32 = 1_000_000;
    this.conductor = new Conductor(
      {
        options: this.options,
        clock,
        cnc,
        counters,
        events: new EventTransmitter(cnc),
        errors,
        network,
        files: MAPPED_FILES,
        logs: new LogStore(this.options, errors, systemCounter, {
          ...MAPPED_FILES,
          usableSpace: () => this.usableSpace,
          remove: (path) => {
            if (this.removalFailure !== '') throw new Error(this.removalFailure);
            MAPPED_FILES.remove(path);
          },
        }),
        names: new NameResolver((host, answer) => this.lookups.push({ host, answer }), {
          begin: () => clock.nanoTime,
          end: () => {},
        }),
        driverNames: null,
        localAddresses: () => [
          { name: 'eth0', address: 0x0a000001 },
          { name: 'eth0', address: knownAddress('2001:db8::1')!, interfaceIndex: 2 },
          { name: 'eth0', address: knownAddress('fe80::1%2')!, interfaceIndex: 2 },
          { name: 'lo', address: knownAddress('::1')!, interfaceIndex: 1 },
        ],
        maxDatagramLength,
        randomInt32: () => randomInt32++,
        systemCounter,
      },
      (token) => this.terminations.push(token),
    );
    this.files.publish();
    this.cnc = CncFile.map(this.directory);
    const { region, offset, length } = this.cnc.toClients;
    this.receiver = new BroadcastReceiver(region, offset, length);
    t.after(() => {
      this.conductor.close();
      this.cnc.close();
      this.files.close();
      rmSync(this.directory, { recursive: true });
    });
  }

  get counters(): CountersReader {
    return new CountersReader(this.cnc.countersMetadata, this.cnc.countersValues);
  }

  /** Puts a command into the ring, and returns its correlation id. */
  send(request: Request, clientId: number = this.clientId): number {
    const correlationId = this.cnc.toDriver.nextCorrelationId();
    this.sendAs(request, correlationId, clientId);
    return correlationId;
  }

  /** Puts a command with a given correlation id into the ring. */
  sendAs(request: Request, correlationId: number, clientId: number = this.clientId): void {
    const command = { ...request, clientId, correlationId } as Command;
    this.sendBytes(commandTypeId(command), this.bytes.subarray(0, encodeCommand(command, this.bytes)));
  }

  /** Puts any bytes into the ring. */
  sendBytes(typeId: number, bytes: Uint8Array): void {
    if (!this.cnc.toDriver.write(typeId, bytes, 0, bytes.length)) throw new Error('ring is full');
  }

  /** Claims room in the ring and dies: a command that is never finished. */
  claimAndDie(length: number): void {
    const { region } = this.cnc;
    const head = this.cnc.toDriver.producerPosition();
    this.sendBytes(1, new Uint8Array(length));
    // The ring starts behind the 128 bytes of the file's metadata.
    Atomics.store(region.i32, (128 + head) >> 2, -(8 + length));
  }

  /** Runs the conductor until it has nothing to do, and returns the events since the last call. */
  run(): DriverEvent[] {
    for (let i = 0; i < 1000 && this.conductor.doWork() > 0; i++) this.receive();
    this.receive();
    return this.unread.splice(0);
  }

  /** Sends a command and runs the conductor. */
  call(request: Request, clientId: number = this.clientId): { correlationId: number; events: DriverEvent[] } {
    const correlationId = this.send(request, clientId);
    return { correlationId, events: this.run() };
  }

  /** Lets time pass, with a look at timeouts every second. The client of the test is alive unless `isAlive` is false. */
  advanceMs(ms: number, isAlive = true): DriverEvent[] {
    const events: DriverEvent[] = [];
    for (let passedMs = 0; passedMs < ms; passedMs += 1000) {
      this.clock.advanceNs(Math.min(1000, ms - passedMs) * 1e6);
      if (isAlive) this.send({ type: 'clientKeepalive' });
      events.push(...this.run());
    }
    return events;
  }

  counter(id: number): CounterInfo {
    return this.counters.counter(id);
  }

  /** The labels of counters that are not the system's, by id. */
  labels(): Map<number, string> {
    const labels = new Map<number, string>();
    this.counters.forEach(({ id, label, typeId }) => {
      if (typeId !== 0) labels.set(id, label);
    });
    return labels;
  }

  systemCounter(id: number): number {
    return this.counters.value(id);
  }

  errorLog(): string[] {
    const texts: string[] = [];
    const { region, offset, length } = this.cnc.errorLog;
    readErrorLog(region, offset, length, ({ text }) => texts.push(text));
    return texts;
  }

  heartbeatMs(): number {
    return this.cnc.toDriver.consumerHeartbeatMs();
  }

  private receive(): void {
    while (
      this.receiver.receive((typeId, bytes, offset, length) => {
        const event = decodeEvent(typeId, bytes, offset, length);
        if (event.type === 'malformed') throw new Error(event.reason);
        this.unread.push(event);
      }) > 0
    );
  }
}

/** The only event of a type. */
export function only<Type extends DriverEvent['type']>(
  events: readonly DriverEvent[],
  type: Type,
): EventOf<Type> {
  const found = events.filter((event): event is EventOf<Type> => event.type === type);
  if (found.length !== 1) {
    throw new Error(
      `${found.length} of ${type}: ${JSON.stringify(events, (_, value) => (typeof value === 'bigint' ? String(value) : value))}`,
    );
  }
  return found[0]!;
}

/** The types of events, in their order. */
export function types(events: readonly DriverEvent[]): string[] {
  return events.map(({ type }) => type);
}

/** A setup frame that arrived on the endpoint that was opened last. */
export function setupReceived(
  endpointId: number,
  setup: Partial<Extract<NetworkEvent, { kind: 'setupReceived' }>> = {},
): NetworkEvent {
  return {
    kind: 'setupReceived',
    endpointId,
    flags: 0,
    ttl: 0,
    destinationId: 0,
    sessionId: 77,
    streamId: 10,
    initialTermId: 5,
    activeTermId: 6,
    termOffset: 96,
    termLength: 65_536,
    mtu: 1408,
    sourceAddress: 0x0a000002,
    sourcePort: 40_456,
    ...setup,
  };
}

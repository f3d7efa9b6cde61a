import type { Clock, EpochNs } from '../concurrent/clock.ts';
import type { DriverMachine } from '../driver/driver-machine.ts';
import type { NetworkThreadOptions } from '../driver/network-link.ts';
import type { OpenedTransport, openTransport } from '../driver/open-transport.ts';
import type { IpAddress } from '../transport/transport.ts';
import { Prng } from '../util/prng.ts';
import { SimulatedEventLoop } from './simulated-event-loop.ts';
import { SimulatedFiles } from './simulated-files.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedThread } from './simulated-thread.ts';

/** Time of a simulation. It moves when it is told to, for all machines at once. */
export class SimulatedTime {
  nowNs = 1e9;
  /** Wall-clock time at `nowNs` 0. */
  readonly epochMs: number = 1_700_000_000_000;

  advanceNs(ns: number): void {
    this.nowNs += ns;
  }
}

/** How a machine gets onto the network: as its kernel's sockets do, or with a card and a stack of the driver's own. */
export type Wire = (machine: SimulatedMachine, clock: Clock) => OpenedTransport;

/** A machine: memory, a clock that may run fast or slow, one address, and processes. */
export class SimulatedMachine {
  readonly address: IpAddress;
  readonly files: SimulatedFiles = new SimulatedFiles();
  readonly time: SimulatedTime;
  readonly network: SimulatedNetwork;
  readonly prng: Prng;
  /** Host names that can be looked up here. */
  readonly hosts: Map<string, string> = new Map();
  private readonly wire: Wire;
  private readonly processes: Map<number, SimulatedProcess> = new Map();
  private nextProcessId = 1000;

  constructor(time: SimulatedTime, network: SimulatedNetwork, address: IpAddress, seed: number, wire: Wire) {
    this.time = time;
    this.network = network;
    this.address = address;
    this.prng = new Prng(seed);
    this.wire = wire;
  }

  /** A new process: give it to `MediaDriver.launch`, or as `machine` to `Aeron.connect`. */
  start(): SimulatedProcess {
    const process = new SimulatedProcess(this, this.nextProcessId++);
    this.processes.set(process.processId, process);
    return process;
  }

  isProcess(processId: number): boolean {
    return this.processes.has(processId);
  }

  openTransport(clock: Clock): OpenedTransport {
    return this.wire(this, clock);
  }

  /** For processes that end. */
  forget(process: SimulatedProcess): void {
    this.processes.delete(process.processId);
  }
}

/**
 * A process, which shares the files and the address of its machine. Whoever runs it gives turns to its event loop, and to
 * the threads that a driver has started in it.
 */
export class SimulatedProcess implements DriverMachine {
  readonly files: SimulatedFiles;
  readonly eventLoop: SimulatedEventLoop;
  readonly processId: number;
  readonly openTransport: typeof openTransport;
  readonly randomInt32: () => number;
  readonly threads: SimulatedThread[] = [];
  /** What its network agents have opened. */
  readonly transports: OpenedTransport[] = [];
  private readonly machine: SimulatedMachine;

  constructor(machine: SimulatedMachine, processId: number) {
    this.machine = machine;
    this.files = machine.files;
    this.processId = processId;
    this.eventLoop = new SimulatedEventLoop(() => machine.time.nowNs);
    this.randomInt32 = () => machine.prng.next();
    this.openTransport = async ({ transport: { kind } }, clock) => {
      return kind === 'none' ? null : this.open(clock);
    };
  }

  readonly startNetworkThread = async (options: NetworkThreadOptions): Promise<SimulatedThread> => {
    const clock = this.newClock();
    const thread = new SimulatedThread(options, this.open(clock), clock);
    this.threads.push(thread);
    return thread;
  };

  private open(clock: Clock): OpenedTransport {
    const transport = this.machine.openTransport(clock);
    this.transports.push(transport);
    return transport;
  }

  isProcess(processId: number): boolean {
    return this.machine.isProcess(processId);
  }

  newClock(): Clock {
    const { time } = this.machine;
    return {
      nanoTime: time.nowNs,
      epochMs: time.epochMs + time.nowNs / 1e6,
      update(): void {
        this.nanoTime = time.nowNs;
        this.epochMs = time.epochMs + Math.floor(time.nowNs / 1e6);
      },
      readEpochNs(into: EpochNs): void {
        into.set(time.epochMs * 1e6 + time.nowNs);
      },
    };
  }

  lookup(host: string, callback: (reason: string | null, address: string) => void): void {
    const address = this.machine.hosts.get(host);
    this.eventLoop.setTimeout(() => callback(address === undefined ? 'ENOTFOUND' : null, address ?? ''), 1);
  }

  localAddresses(): { name: string; address: IpAddress }[] {
    return [{ name: 'sim0', address: this.machine.address }];
  }

  /** The process ends at once, as by SIGKILL: its sockets close, its files stay. It must not be run any more. */
  kill(): void {
    this.machine.forget(this);
    for (const transport of this.transports) transport.close();
  }
}

import type { CncFile } from '../../cnc/cnc-file.ts';
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { Clock } from '../../concurrent/clock.ts';
import type { CountersManager } from '../../concurrent/counters.ts';
import type { SharedFiles } from '../../memory/shared-files.ts';
import type { DriverOptions } from '../driver-options.ts';
import type { EventLog } from '../event-log/event-log.ts';
import type { DriverNameResolver } from '../names/driver-name-resolver.ts';
import type { NetworkLink } from '../network-link.ts';
import type { ErrorReporter } from './error-reporter.ts';
import type { EventTransmitter } from './event-transmitter.ts';
import type { LogStore } from './log-store.ts';
import type { LocalAddress, NameResolver } from './name-resolver.ts';

/** What the parts of the conductor share. */
export interface ConductorContext {
  readonly options: DriverOptions;
  readonly clock: Clock;
  readonly cnc: CncFile;
  readonly counters: CountersManager;
  readonly events: EventTransmitter;
  /** Left out: commands are not logged. */
  readonly eventLog?: EventLog;
  readonly errors: ErrorReporter;
  readonly network: NetworkLink;
  readonly logs: LogStore;
  readonly files: SharedFiles;
  readonly names: NameResolver;
  /** Knows drivers by name; null unless the driver has a name itself. */
  readonly driverNames: DriverNameResolver | null;
  /** Local addresses that `interface` may select. */
  readonly localAddresses: () => readonly LocalAddress[];
  /** Bytes of the largest datagram the network agent can send; 0 when it has no transport, and carries IPC only. */
  readonly maxDatagramLength: number;
  /** A random int32. */
  readonly randomInt32: () => number;
  /** One of the system counters that the conductor writes, by its id. */
  readonly systemCounter: (id: number) => AtomicCounter;
}

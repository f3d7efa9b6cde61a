import type { CncFile } from '../cnc/cnc-file.ts';
import { CounterType } from '../cnc/counter-types.ts';
import { AtomicCounter } from '../concurrent/atomic-counter.ts';
import type { Clock } from '../concurrent/clock.ts';
import { appendToLabel, COUNTER_ALLOCATED, type CountersReader } from '../concurrent/counters.ts';
import type { AeronError } from '../util/errors.ts';
import { VERSION } from '../util/version.ts';
import { clientError } from './client-errors.ts';
import type { ClientContext } from './client-options.ts';

/**
 * Signs of life, both ways: the driver writes the time into the CnC file, the client into a counter that
 * the driver makes for it with its first command.
 */
export class Heartbeat {
  private readonly context: ClientContext;
  private readonly cnc: CncFile;
  private readonly counters: CountersReader;
  private readonly clientId: number;
  private counter: AtomicCounter | null = null;
  private nextCheckNs = 0.5;

  constructor(context: ClientContext, cnc: CncFile, counters: CountersReader, clientId: number) {
    this.context = context;
    this.cnc = cnc;
    this.counters = counters;
    this.clientId = clientId;
  }

  /** Looks for the driver and shows the client, when it is time. Returns why the two are parted, or null. */
  check(clock: Clock): AeronError | null {
    if (this.nextCheckNs - clock.nanoTime > 0) return null;
    const lost = this.checkDriver(clock.epochMs) ?? this.showClient(clock.epochMs);
    // The counter appears soon after the first command: until then look again at every call.
    if (this.counter !== null) this.nextCheckNs = clock.nanoTime + this.context.keepAliveIntervalMs * 1e6;
    return lost;
  }

  private checkDriver(epochMs: number): AeronError | null {
    const heartbeatMs = this.cnc.toDriver.consumerHeartbeatMs();
    const { directory, driverTimeoutMs } = this.context;
    if (heartbeatMs === -1) {
      return clientError(
        'DRIVER_CLOSED',
        `the driver in ${directory} was shut down. Connect again when one runs.`,
      );
    }
    const ageMs = epochMs - heartbeatMs;
    if (ageMs <= driverTimeoutMs) return null;
    return clientError(
      'DRIVER_TIMEOUT',
      `the last heartbeat of the driver in ${directory} is ${ageMs} ms old, more than ${driverTimeoutMs} ms: ` +
        'it was killed, or does not get to run. Connect again when one runs.',
    );
  }

  private showClient(epochMs: number): AeronError | null {
    if (this.counter === null) {
      this.findCounter();
    } else if (!this.isOwn(this.counter.id)) {
      return clientError(
        'CLIENT_TIMEOUT',
        `the driver in ${this.context.directory} took away the heartbeat counter ${this.counter.id} of this client: ` +
          'it gave the client up. Connect again to go on.',
      );
    }
    this.counter?.set(epochMs);
    return null;
  }

  private findCounter(): void {
    const id = this.counters.findByTypeAndRegistration(CounterType.CLIENT_HEARTBEAT, this.clientId);
    if (id < 0) return;
    const { region, offset } = this.cnc.countersValues;
    this.counter = new AtomicCounter(region, offset, id);
    const signature = ` name=${this.context.clientName} version=${VERSION} commit=aeron-bypass`;
    appendToLabel(this.cnc.countersMetadata, id, signature);
  }

  private isOwn(id: number): boolean {
    return (
      this.counters.state(id) === COUNTER_ALLOCATED &&
      this.counters.typeId(id) === CounterType.CLIENT_HEARTBEAT &&
      this.counters.registrationId(id) === this.clientId
    );
  }
}

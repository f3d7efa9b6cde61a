import { CncFile } from '../../src/cnc/cnc-file.ts';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { CountersReader } from '../../src/concurrent/counters.ts';
import { readErrorLog } from '../../src/concurrent/distinct-error-log.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import type { SimulatedMachine } from '../../src/testing/index.ts';
import type { TransportStatistics } from '../../src/transport/transport-statistics.ts';
import { messageOf } from '../../src/util/errors.ts';
import { Actor } from './actor.ts';
import { DriverCheck } from './driver-check.ts';
import type { World } from './world.ts';

export const DIRECTORY = '/sim/aeron';

/** A media driver: conductor and network agent, as they are shipped. */
export class DriverActor extends Actor {
  driver: MediaDriver | null = null;
  /** How often it was started. */
  incarnation = 0;

  check: DriverCheck | null = null;

  constructor(world: World, machine: SimulatedMachine, index: number) {
    super(world, machine, `driver ${index}`);
    this.onStart();
  }

  /** What its sockets have counted; null without sockets. */
  get statistics(): TransportStatistics | null {
    return this.driver?.transportStatistics ?? null;
  }

  /** An orderly end. */
  async close(): Promise<void> {
    this.check?.close();
    this.check = null;
    await this.driver?.close();
    this.driver = null;
  }

  /** The counters that are not 0, and the errors, each in a line. */
  counters(): string[] {
    const lines: string[] = [];
    if (!this.machine.files.exists(`${DIRECTORY}/cnc.dat`)) return lines;
    const cnc = CncFile.map(DIRECTORY, this.machine.files);
    new CountersReader(cnc.countersMetadata, cnc.countersValues).forEach(({ id, typeId, label, value }) => {
      if (typeId !== CounterType.SYSTEM || (value !== 0 && !label.includes(' ns')))
        lines.push(`${this.name} ${id} ${value} ${label}`);
    });
    const { region, offset, length } = cnc.errorLog;
    readErrorLog(region, offset, length, ({ observationCount, text }) =>
      lines.push(`${this.name} error ${observationCount} × ${text}`),
    );
    cnc.close();
    return lines;
  }

  protected override onStart(): void {
    const incarnation = ++this.incarnation;
    this.world.wire.reset(this.machine.address);
    MediaDriver.launch({ ...this.world.plan.options, dir: DIRECTORY }, this.process).then(
      (driver) => {
        if (incarnation !== this.incarnation || !this.isAlive) return;
        this.driver = driver;
        this.check = new DriverCheck(this);
        this.world.note(`${this.name} runs`);
      },
      (error: unknown) => {
        this.world.failure ??= `${this.name} did not start: ${messageOf(error)}`;
      },
    );
  }

  protected override onDeath(): void {
    this.check?.checkErrors();
    this.check?.close();
    this.check = null;
    this.driver = null;
  }

  protected override doWork(): void {
    this.driver?.doWork();
  }
}

import { CncFile } from '../../src/cnc/cnc-file.ts';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { CountersReader } from '../../src/concurrent/counters.ts';
import { readErrorLog } from '../../src/concurrent/distinct-error-log.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import type { SimulatedMachine } from '../../src/testing/index.ts';
import { messageOf } from '../../src/util/errors.ts';
import { Actor } from './actor.ts';
import { DriverCheck } from './driver-check.ts';
import { check } from './failure.ts';
import type { DriverPlan } from './plan.ts';
import type { World } from './world.ts';

/** A driver that is closed needs so many turns at most. */
const CLOSE_TURNS_MAX = 1000;

export const DIRECTORY = '/sim/aeron';

/** A media driver: conductor and network agent, as they are shipped. */
export class DriverActor extends Actor {
  driver: MediaDriver | null = null;
  /** How often it was started. */
  incarnation = 0;

  check: DriverCheck | null = null;
  private readonly plan: DriverPlan;
  /** Of the conductor, and of the network threads behind it. */
  private readonly agentsPausedUntilNs: number[] = [];

  constructor(world: World, machine: SimulatedMachine, index: number) {
    super(world, machine, `driver ${index}`);
    this.plan = world.plan.drivers[index]!;
    this.onStart();
  }

  /** What the sockets of all its agents have counted. */
  counted(what: 'bytesSent' | 'bytesReceived' | 'shortSends'): number {
    return this.process.transports.reduce((sum, { statistics }) => sum + statistics![what], 0);
  }

  /** Network threads stand still while true; what they have counted becomes known. */
  areThreadsHeld = false;

  /** One of conductor and network agents does nothing for so long; all of them where they take turns. */
  pauseAgent(choice: number, durationNs: number): void {
    const { threads } = this.process;
    if (threads.length === 0) {
      this.pause(durationNs);
      return;
    }
    const agent = choice % (1 + threads.length);
    this.agentsPausedUntilNs[agent] = this.world.time.nowNs + durationNs;
    const name = agent === 0 ? 'conductor' : threads[agent - 1]!.name;
    this.world.note(`${this.name}: ${name} pauses for ${durationNs / 1e6} ms`);
  }

  override heal(): void {
    super.heal();
    this.agentsPausedUntilNs.length = 0;
  }

  /** An orderly end. */
  async close(): Promise<void> {
    this.check?.close();
    this.check = null;
    const { driver } = this;
    this.driver = null;
    let isClosed = false;
    void driver?.close().then(() => {
      isClosed = true;
    });
    for (let i = 0; i < CLOSE_TURNS_MAX && !isClosed; i++) {
      this.world.time.advanceNs(this.world.plan.stepNs);
      this.process.eventLoop.runTurn();
      await null;
    }
    check(isClosed, () => `${this.name} does not close`);
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
    this.agentsPausedUntilNs.length = 0;
    const { threadingMode, networkAgents } = this.plan;
    const options = { ...this.world.plan.options, threadingMode, networkAgents, dir: DIRECTORY };
    MediaDriver.launch(options, this.process).then(
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

  /** A turn of the conductor, and of each network agent that has a thread of its own. */
  protected override runTurn(): void {
    const { world, plan, process } = this;
    if (!this.isAgentPaused(0) && world.chance(plan.conductorRate)) super.runTurn();
    for (let i = 0; i < process.threads.length; i++) {
      if (this.areThreadsHeld || this.isAgentPaused(1 + i)) continue;
      if (world.chance(plan.threadRates[i]!)) process.threads[i]!.runTurn();
    }
  }

  protected override doWork(): void {
    if (this.plan.threadingMode === 'INVOKER') this.driver?.doWork();
  }

  private isAgentPaused(agent: number): boolean {
    return this.world.time.nowNs < (this.agentsPausedUntilNs[agent] ?? 0);
  }
}

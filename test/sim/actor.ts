/** A process of the simulation: it runs, pauses, dies and comes back. */
import type { SimulatedMachine, SimulatedProcess } from '../../src/testing/index.ts';
import type { World } from './world.ts';

export abstract class Actor {
  readonly name: string;
  readonly machine: SimulatedMachine;
  /** When it ran last. */
  lastTurnNs: number = Number.NEGATIVE_INFINITY;
  /** When it ran again after its last pause. */
  resumedNs: number = Number.NEGATIVE_INFINITY;
  protected readonly world: World;
  protected process: SimulatedProcess;
  private pausedUntilNs = 0;
  private pausedNs = Number.NEGATIVE_INFINITY;
  private deadUntilNs = 0;
  private isDead = false;

  constructor(world: World, machine: SimulatedMachine, name: string) {
    this.world = world;
    this.machine = machine;
    this.name = name;
    this.process = machine.start();
  }

  get isAlive(): boolean {
    return !this.isDead;
  }

  pause(durationNs: number): void {
    this.pausedUntilNs = this.world.time.nowNs + durationNs;
    this.pausedNs = this.world.time.nowNs;
    this.world.note(`${this.name} pauses for ${durationNs / 1e6} ms`);
  }

  /** SIGKILL; it is started again later. */
  die(durationNs: number): void {
    if (this.isDead) return;
    this.isDead = true;
    this.deadUntilNs = this.world.time.nowNs + durationNs;
    this.process.kill();
    this.onDeath();
    this.world.note(`${this.name} dies for ${durationNs / 1e6} ms`);
  }

  /** Whatever was done to it ends now. */
  heal(): void {
    this.pausedUntilNs = 0;
    this.deadUntilNs = 0;
  }

  /** A turn of its event loop and what the program does in it. */
  step(): void {
    const { nowNs } = this.world.time;
    if (this.isDead) {
      if (nowNs < this.deadUntilNs) return;
      this.isDead = false;
      this.process = this.machine.start();
      this.world.note(`${this.name} starts again`);
      this.onStart();
    }
    if (nowNs >= this.pausedUntilNs) this.runTurn();
  }

  protected runTurn(): void {
    const { nowNs } = this.world.time;
    if (this.pausedNs > this.resumedNs) this.resumedNs = nowNs;
    this.lastTurnNs = nowNs;
    this.process.eventLoop.runTurn();
    this.doWork();
  }

  protected abstract onStart(): void;
  protected abstract onDeath(): void;
  protected abstract doWork(): void;
}

import { Aeron } from '../../src/client/index.ts';
import type { SimulatedMachine } from '../../src/testing/index.ts';
import { codeOf, messageOf } from '../../src/util/errors.ts';
import { Actor } from './actor.ts';
import { DIRECTORY } from './driver-actor.ts';
import { SimulationFailure } from './failure.ts';
import type { Fault } from './plan.ts';
import type { World } from './world.ts';

/** Something that a client does: it publishes, or subscribes. */
export interface Role {
  /** Whether it has what it needs of its client. */
  readonly isOpen: boolean;
  /** Adds what it needs. */
  open(aeron: Aeron): Promise<void>;
  doWork(): void;
  /** The client is gone, by itself or killed. */
  onLost(): void;
  /** Gives everything back, in order. */
  close(): void;
}

/** Errors that are the driver's death, its pauses or the client's, seen from the client. */
const LOSING_CODES: readonly string[] = [
  'DRIVER_TIMEOUT',
  'DRIVER_CLOSED',
  'CLIENT_TIMEOUT',
  'CONDUCTOR_SERVICE_TIMEOUT',
  'BROADCAST_LAPPED',
  'CLIENT_CLOSED',
];
/** Until the network agent has closed an endpoint, its address is not free; who wants it tries again. */
const BUSY = /^(RESOURCE_TEMPORARILY_UNAVAILABLE|GENERIC_ERROR: addReceiveDestination: EADDRINUSE)/;
const LOSING_FAULTS: readonly Fault[] = ['driver-pause', 'agent-pause', 'driver-death', 'client-pause'];
/** Who does not run for long enough hears of an image when its log is gone again. */
const PAUSED_FAULTS: readonly Fault[] = ['client-pause'];
/** So soon after its pause a client has heard what it had missed. */
const CATCHING_UP_NS = 1e6;
const RETRY_NS = 20e6;
/** A client shows this often that it lives. */
export const KEEP_ALIVE_NS = 50e6;

/** A client process: connects, does what its roles do, and connects again when it lost its driver. */
export class ClientActor extends Actor {
  aeron: Aeron | null = null;
  readonly roles: Role[] = [];
  isFinished = false;
  private isConnecting = false;
  private readonly opening: Set<Role> = new Set();
  /** When those that could not be opened try again. */
  private readonly reopenNs: Map<Role, number> = new Map();
  private incarnation = 1;
  private retryNs = 0;

  constructor(world: World, machine: SimulatedMachine, name: string) {
    super(world, machine, name);
  }

  /** Everything is closed and stays so. */
  finish(): void {
    this.isFinished = true;
    for (const role of this.roles) role.close();
    void this.aeron?.close();
    this.aeron = null;
  }

  protected override onStart(): void {
    this.incarnation++;
    this.isConnecting = false;
  }

  protected override onDeath(): void {
    this.incarnation++;
    this.opening.clear();
    this.aeron = null;
    for (const role of this.roles) role.onLost();
  }

  protected override doWork(): void {
    if (this.isFinished) return;
    const { aeron } = this;
    if (aeron === null) {
      if (!this.isConnecting && this.world.time.nowNs >= this.retryNs) void this.connect(this.incarnation);
      return;
    }
    aeron.doWork();
    if (aeron.isClosed) this.onClosed(aeron);
    else for (const role of this.roles) this.run(role, aeron);
  }

  private run(role: Role, aeron: Aeron): void {
    if (role.isOpen) role.doWork();
    else if (!this.opening.has(role) && this.world.time.nowNs >= (this.reopenNs.get(role) ?? 0))
      void this.open(role, aeron, this.incarnation);
  }

  private async open(role: Role, aeron: Aeron, incarnation: number): Promise<void> {
    this.opening.add(role);
    try {
      await role.open(aeron);
    } catch (error) {
      this.reopenNs.set(role, this.world.time.nowNs + RETRY_NS);
      if (incarnation === this.incarnation) this.onError(error as Error);
    } finally {
      if (incarnation === this.incarnation) this.opening.delete(role);
    }
  }

  private async connect(incarnation: number): Promise<void> {
    this.isConnecting = true;
    try {
      const { driverTimeoutMs } = this.world.plan.options;
      const aeron = await Aeron.connect({
        directory: DIRECTORY,
        driverTimeoutMs: driverTimeoutMs!,
        keepAliveIntervalMs: KEEP_ALIVE_NS / 1e6,
        resourceLingerMs: 20,
        useConductorInvoker: true,
        idleStrategy: 'spin',
        machine: this.process,
        clientName: this.name,
        errorHandler: (error) => this.onError(error),
      });
      if (incarnation !== this.incarnation) return;
      this.aeron = aeron;
      this.world.note(`${this.name} is connected`);
    } catch (error) {
      if (incarnation === this.incarnation) this.onError(error as Error);
    } finally {
      if (incarnation === this.incarnation) {
        this.isConnecting = false;
        this.retryNs = this.world.time.nowNs + RETRY_NS;
      }
    }
  }

  private onClosed(aeron: Aeron): void {
    this.world.note(`${this.name} lost its driver: ${aeron.lostReason?.code}`);
    void aeron.close();
    this.aeron = null;
    this.incarnation++;
    this.opening.clear();
    this.isConnecting = false;
    for (const role of this.roles) role.onLost();
  }

  /** Ends the run, unless the error is that of a fault. */
  onError(error: Error): void {
    if (BUSY.test(messageOf(error))) return;
    const faults = this.faultsBehind(codeOf(error));
    if (error instanceof SimulationFailure || faults === null) {
      this.world.failure ??= `${this.name}: ${codeOf(error)} ${messageOf(error)}`;
      return;
    }
    try {
      this.world.expectOnlyWith(faults, `${this.name}: ${codeOf(error)} ${messageOf(error)}`);
    } catch (failure) {
      this.world.failure ??= messageOf(failure);
    }
  }

  /** Any of these faults explains an error of this code; null: none does. */
  private faultsBehind(code: string): readonly Fault[] | null {
    if (LOSING_CODES.includes(code)) return LOSING_FAULTS;
    const isCatchingUp = this.world.time.nowNs - this.resumedNs < CATCHING_UP_NS;
    return code === 'IMAGE_NOT_MAPPED' && isCatchingUp ? PAUSED_FAULTS : null;
  }
}

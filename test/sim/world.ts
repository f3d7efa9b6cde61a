/** The machines of a plan, and what runs on them. */
import type { Clock } from '../../src/concurrent/clock.ts';
import type { OpenedTransport } from '../../src/driver/open-transport.ts';
import {
  bypassWire,
  Prng,
  SimulatedMachine,
  SimulatedNetwork,
  SimulatedSwitch,
  SimulatedTime,
  SimulatedTransport,
  type SocketBehaviour,
} from '../../src/testing/index.ts';
import { fail } from './failure.ts';
import { StreamLedger } from './ledger.ts';
import type { Fault, Plan } from './plan.ts';
import { WireCheck, type WireExpectations } from './wire-check.ts';

const RING_LENGTH = 256;
const ROUTER_ADDRESS = 0x0a0000fe;
const QUERY_INTERVAL_NS = 100e6;

/** Faults by which a subscription or its image ends while the stream goes on. */
export const RECEIVERS_END: readonly Fault[] = [
  'receiver-churn',
  'client-death',
  'client-pause',
  'driver-pause',
  'agent-pause',
  'driver-death',
  'partition',
  'one-way-partition',
  'clog',
  'mtu-shrink',
];

export type Phase = 'faults' | 'recovery' | 'drain' | 'close';

export class World {
  readonly plan: Plan;
  readonly time: SimulatedTime = new SimulatedTime();
  readonly prng: Prng;
  readonly network: SimulatedNetwork;
  readonly sockets: SocketBehaviour;
  readonly machines: SimulatedMachine[];
  readonly ledgers: StreamLedger[];
  readonly wire: WireCheck;
  phase: Phase = 'faults';
  /** What went wrong where nobody could be told: in a promise. */
  failure: string | null = null;
  /** When everything that was broken was repaired; infinite before. */
  healedNs: number = Number.POSITIVE_INFINITY;
  /** Of publications that are closed in order, after everything has arrived. */
  readonly endingSessions: Set<number> = new Set();
  messagesSent = 0;
  messagesReceived = 0;
  /** Of what happened, in its order: equal only when two runs were the same. */
  fingerprint = 0;
  readonly log: string[] = [];
  isVerbose = false;

  constructor(plan: Plan) {
    this.plan = plan;
    this.prng = new Prng(plan.seed ^ 0x5bd1e995);
    this.network = new SimulatedNetwork(this.time, new Prng(plan.seed ^ 0x1b873593));
    this.wire = new WireCheck(this.time, expectationsOf(plan), (failure) => {
      this.failure ??= failure;
    });
    this.network.tap = this.wire;
    if (plan.isBypass) {
      const { igmpVersion } = plan;
      const options = { address: ROUTER_ADDRESS, igmpVersion, queryIntervalNs: QUERY_INTERVAL_NS };
      this.network.switch = new SimulatedSwitch(this.network, options);
    }
    this.sockets = { shortSend: 0, readsAtFlush: plan.readsAtFlush };
    this.machines = plan.addresses.map(
      (address, i) =>
        new SimulatedMachine(this.time, this.network, address, plan.seed * 31 + i, (machine, clock) =>
          this.openTransport(machine, clock),
        ),
    );
    for (const from of plan.addresses) {
      for (const to of plan.addresses)
        if (from !== to) this.network.link(from, to).delayNs = plan.linkDelayNs;
    }
    this.ledgers = plan.streams.map((stream) => new StreamLedger(stream.name));
  }

  get nowMs(): number {
    return (this.time.nowNs - 1e9) / 1e6;
  }

  has(fault: Fault): boolean {
    return this.plan.faults.has(fault);
  }

  note(text: string): void {
    const line = `${this.nowMs.toFixed(3).padStart(10)} ms  ${text}`;
    this.log.push(line);
    if (this.log.length > 2000) this.log.shift();
    if (this.isVerbose) console.log(line);
    this.mix(text.length + 31 * text.charCodeAt(text.length - 1));
  }

  mix(value: number): void {
    this.fingerprint = (Math.imul(this.fingerprint ^ value, 0x01000193) + (this.time.nowNs | 0)) | 0;
  }

  /** Ends the run unless one of `faults` explains it. */
  expectOnlyWith(faults: readonly Fault[], what: string): void {
    if (!faults.some((fault) => this.has(fault))) fail(`${what}, though nothing in this run explains it`);
    this.note(what);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.prng.nextFraction() < probability;
  }

  private openTransport(machine: SimulatedMachine, clock: Clock): OpenedTransport {
    if (this.plan.isBypass) return bypassWire(machine, clock, RING_LENGTH);
    return new SimulatedTransport(machine, this.sockets);
  }
}

function expectationsOf({ faults, streams, options, isBypass }: Plan): WireExpectations {
  const ending: readonly Fault[] = [...RECEIVERS_END, 'destination-churn'];
  // What is not accepted to be sent is not seen.
  const isSeen = !isBypass && !faults.has('short-send');
  return {
    hasSteadyReceivers: !ending.some((fault) => faults.has(fault)),
    cubicStreams: new Set(streams.filter(({ isCubic }) => isCubic && isSeen).map(({ streamId }) => streamId)),
    windowLength: options.rcvInitialWindowLength!,
  };
}

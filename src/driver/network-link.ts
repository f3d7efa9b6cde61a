import type { Clock } from '../concurrent/clock.ts';
import type { TransportStatistics } from '../transport/transport-statistics.ts';
import type { NetworkAgentConfig, NetworkCommand, NetworkEvent } from './messages.ts';

/** The conductor's end of its conversation with the network agent, wherever that runs. */
export interface NetworkLink {
  send(command: NetworkCommand): void;
  /** The next event, or `null`. Costs next to nothing when there is none. */
  poll(): NetworkEvent | null;
}

/** A network agent that runs, and the way to it. */
export interface RunningNetwork extends NetworkLink {
  /** Bytes of the largest datagram it can send; 0 without a transport. */
  readonly maxDatagramLength: number;
  /** Of the transport, where it lives in this isolate; else `null`. */
  readonly transportStatistics: TransportStatistics | null;
  /** Brings the conductor's clock up to date. One duty cycle of the agent, where it shares that isolate; else 0. */
  doWork(): number;
  /** Resolves when the agent has closed its streams, endpoints and transport. */
  close(): Promise<void>;
}

/** A network agent that is to run by itself. */
export interface NetworkThreadOptions {
  readonly config: NetworkAgentConfig;
  /** The conductor's; the network agent has its own. */
  readonly clock: Clock;
  readonly idleStrategy: string;
  readonly idleStrategyInitArgs: string;
  readonly cpu: number;
  /** Nanoseconds it may take until the agent runs. */
  readonly startTimeoutNs: number;
  /** What tools that list threads call it, at most 15 characters. */
  readonly name: string;
  /** Told once when the thread ends without having been closed. */
  readonly onFailure: (error: Error) => void;
}

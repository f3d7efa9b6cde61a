import type { TransportStatistics } from '../transport/transport-statistics.ts';
import type { NetworkCommand, NetworkEvent } from './messages.ts';

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

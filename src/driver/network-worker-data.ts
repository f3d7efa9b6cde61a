import type { MessagePort } from 'node:worker_threads';
import type { NetworkAgentConfig } from './messages.ts';

/** What the network thread is started with. */
export interface NetworkWorkerData {
  readonly config: NetworkAgentConfig;
  readonly port: MessagePort;
  /** {@link DOORBELL_LENGTH} bytes: the words {@link COMMANDS_RUNG} and {@link EVENTS_RUNG}. */
  readonly doorbell: SharedArrayBuffer;
  /** {@link sharedIpv6Addresses} of the conductor's isolate. */
  readonly ipv6Addresses: SharedArrayBuffer;
  readonly idleStrategy: string;
  readonly idleStrategyInitArgs: string;
  /** Of the thread, for tools that list threads: at most 15 characters. */
  readonly name: string;
  /** CPU to run on; -1: any. */
  readonly cpu: number;
}

/** Words of the doorbell, each on a cache line of its own: how many messages were sent, one way and the other. */
export const COMMANDS_RUNG = 0;
export const EVENTS_RUNG = 16;
export const DOORBELL_LENGTH = 128;

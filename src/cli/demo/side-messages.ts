/** What the coordinator of a measurement and its two side processes say to each other over Node's process channel. */

/** Everything one side needs to start its driver and client. */
export interface SideConfig {
  /** As on the command line of `aeron-bypass driver`; null when the other side's driver serves both (IPC). */
  readonly driverArguments: readonly string[] | null;
  readonly directory: string;
  /** CPU to pin to, or null. */
  readonly cpu: number | null;
  /** Channel this side publishes on, and the one it listens to. */
  readonly publishChannel: string;
  readonly publishStreamId: number;
  readonly subscribeChannel: string;
  readonly subscribeStreamId: number;
}

export type SideRequest =
  | { readonly kind: 'start'; readonly config: SideConfig }
  /** Send, wait for the echo, send again. */
  | { readonly kind: 'ping'; readonly durationMs: number; readonly messageLength: number }
  /** Send everything back until told to stop. */
  | { readonly kind: 'echo' }
  | { readonly kind: 'publish'; readonly durationMs: number; readonly messageLength: number }
  /** Check what arrives until as many messages came as `expect` says, or none came for a while. */
  | { readonly kind: 'count' }
  | { readonly kind: 'expect'; readonly messages: number }
  | { readonly kind: 'stop' };

/** One point of a latency distribution. */
export interface Percentile {
  readonly percentile: number;
  readonly ns: number;
}

export interface PingResult {
  readonly roundTrips: number;
  readonly percentiles: readonly Percentile[];
  readonly corrupted: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
}

export interface CountResult {
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly corrupted: number;
  /** From the first message to the last. */
  readonly elapsedNs: number;
}

export type SideReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'started'; readonly phase: 'echo' | 'count' }
  | { readonly kind: 'pinged'; readonly result: PingResult }
  | { readonly kind: 'echoed' }
  | {
      readonly kind: 'published';
      readonly messages: number;
      readonly datagrams: number;
      readonly elapsedNs: number;
      readonly residentBytes: number;
    }
  | { readonly kind: 'counted'; readonly result: CountResult; readonly residentBytes: number }
  | { readonly kind: 'progress'; readonly messages: number }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

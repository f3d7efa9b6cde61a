import type { Clock } from '../concurrent/clock.ts';
import type { Transport } from '../transport/transport.ts';
import type { TransportStatistics } from '../transport/transport-statistics.ts';
import type { TransportConfig } from './messages.ts';

/** A transport of this machine, which counts what it does; readable after it was closed too. */
export type OpenedTransport = Transport & { readonly statistics: TransportStatistics };

type Opener<Kind extends TransportConfig['kind']> = (
  config: Extract<TransportConfig, { kind: Kind }>,
  clock: Clock,
) => Promise<OpenedTransport | null>;

/** How each kind of transport is opened. Imported when it is wanted: a driver without a card needs no DPDK. */
const OPENERS: { readonly [Kind in TransportConfig['kind']]: Opener<Kind> } = {
  none: async () => null,
  kernel: async (config) => {
    const { openKernelTransport } = await import('../transport/kernel/kernel-transport.ts');
    return openKernelTransport(config);
  },
  bypass: async ({ dpdk }, clock) => {
    const { openBypassTransport } = await import('../transport/bypass/bypass-transport.ts');
    return openBypassTransport(dpdk, clock);
  },
};

/**
 * Opens the wire of a network agent, on the agent's thread. `null`: IPC only.
 * @throws AeronError when it cannot be had, with the code of the transport.
 */
export function openTransport(config: TransportConfig, clock: Clock): Promise<OpenedTransport | null> {
  const open = OPENERS[config.kind] as Opener<TransportConfig['kind']>;
  return open(config, clock);
}

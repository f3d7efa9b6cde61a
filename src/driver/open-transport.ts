import type { Clock } from '../concurrent/clock.ts';
import type { Transport } from '../transport/transport.ts';
import type { TransportStatistics } from '../transport/transport-statistics.ts';
import type { NetworkAgentConfig, TransportConfig } from './messages.ts';

/** The same datagrams are lost in every run in which they come in the same order. */
const LOSS_SEED = 1;

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
export async function openTransport(
  config: Pick<NetworkAgentConfig, 'transport' | 'receiveLossRate'>,
  clock: Clock,
): Promise<OpenedTransport | null> {
  const open = OPENERS[config.transport.kind] as Opener<TransportConfig['kind']>;
  const transport = await open(config.transport, clock);
  if (transport === null || config.receiveLossRate === 0) return transport;
  const { FaultInjectingTransport } = await import('../transport/fault-injecting-transport.ts');
  const lossy = new FaultInjectingTransport(transport, clock, {
    seed: LOSS_SEED,
    inbound: { drop: config.receiveLossRate, duplicate: 0, delay: 0 },
    outbound: { drop: 0, duplicate: 0, delay: 0 },
    delayNsMax: 0,
  });
  return Object.assign(lossy, { statistics: transport.statistics });
}

import type { Clock } from '../concurrent/clock.ts';
import type { FrameWaiter } from '../transport/bypass/open-bypass-ports.ts';
import type { PortReport } from '../transport/bypass/port-report.ts';
import { InterceptedTransport } from '../transport/interceptors.ts';
import type { Transport } from '../transport/transport.ts';
import type { TransportStatistics } from '../transport/transport-statistics.ts';
import { ConfigurationError } from '../util/errors.ts';
import { type EventLogConfig, openEventLog } from './event-log/event-log.ts';
import {
  IncomingFrameLogger,
  logsIncoming,
  logsOutgoing,
  OutgoingFrameLogger,
} from './event-log/frame-logger.ts';
import type { Extensions, InterceptorSupplier } from './extensions/extensions.ts';
import type { NamedExtension, NetworkAgentConfig, TransportConfig } from './messages.ts';

/** The same datagrams are lost in every run in which they come in the same order. */
const LOSS_SEED = 1;

/** A transport that may count what it does, readable after it was closed too, and may be over DPDK ports. */
export type OpenedTransport = Transport & {
  readonly statistics: TransportStatistics | null;
  readonly portReports?: readonly PortReport[];
  /** Where its owner may wait for frames; null, or left out: nowhere. */
  readonly frameWaiter?: FrameWaiter | null;
};

type Opener<Kind extends TransportConfig['kind']> = (
  config: Extract<TransportConfig, { kind: Kind }>,
  clock: Clock,
  extensions: Extensions,
) => Promise<OpenedTransport | null>;

/** How each kind of transport is opened. Imported when it is wanted: a driver without a card needs no DPDK. */
const OPENERS: { readonly [Kind in TransportConfig['kind']]: Opener<Kind> } = {
  none: async () => null,
  kernel: async (config) => {
    const { openKernelTransport } = await import('../transport/kernel/kernel-transport.ts');
    return openKernelTransport(config);
  },
  bypass: async ({ ports }, clock) => {
    const { openBypassPorts } = await import('../transport/bypass/open-bypass-ports.ts');
    return openBypassPorts(ports, clock);
  },
  extension: async ({ name }, clock, extensions) => {
    const transport = await extensions.get('transport', name)(clock);
    return Object.assign(transport, { statistics: transport.statistics ?? null });
  },
};

/**
 * Opens the wire of a network agent, on the agent's thread, behind the interceptors that are configured. `null`: IPC only.
 * @throws AeronError when it cannot be had, with the code of the transport; ConfigurationError for unknown names.
 */
export async function openTransport(
  config: Pick<NetworkAgentConfig, 'transport' | 'receiveLossRate' | 'extensions'>,
  clock: Clock,
  extensions: Extensions,
): Promise<OpenedTransport | null> {
  const open = OPENERS[config.transport.kind] as Opener<TransportConfig['kind']>;
  const opened = await open(config.transport, clock, extensions);
  if (opened === null) return null;
  const { statistics, portReports = [], frameWaiter = null, tapPoint } = opened;
  let transport: Transport = opened;
  try {
    if (config.receiveLossRate > 0) transport = await lossy(transport, clock, config.receiveLossRate);
    transport = intercepted(transport, clock, config, extensions);
    transport = logged(transport, clock, config.extensions.eventLog);
  } catch (error) {
    opened.close();
    throw error;
  }
  if (transport === opened) return opened;
  return Object.assign(
    transport,
    { statistics, portReports, frameWaiter },
    tapPoint === undefined ? {} : { tapPoint },
  );
}

/** The log stands before the interceptors: it sees what they are given to send, and what they let arrive. */
function logged(transport: Transport, clock: Clock, config: EventLogConfig | undefined): Transport {
  const log = config === undefined ? null : openEventLog(config, clock);
  const logsIn = log !== null && logsIncoming(log);
  const logsOut = log !== null && logsOutgoing(log);
  if (log === null || (!logsIn && !logsOut)) return transport;
  return new InterceptedTransport(
    transport,
    logsIn ? [new IncomingFrameLogger(log)] : [],
    logsOut ? [new OutgoingFrameLogger(log)] : [],
  );
}

async function lossy(transport: Transport, clock: Clock, rate: number): Promise<Transport> {
  const { FaultInjectingTransport } = await import('../transport/fault-injecting-transport.ts');
  return new FaultInjectingTransport(transport, clock, {
    seed: LOSS_SEED,
    inbound: { drop: rate, duplicate: 0, delay: 0 },
    outbound: { drop: 0, duplicate: 0, delay: 0 },
    delayNsMax: 0,
  });
}

function intercepted(
  transport: Transport,
  clock: Clock,
  config: Pick<NetworkAgentConfig, 'extensions'>,
  extensions: Extensions,
): Transport {
  const { incomingInterceptors, outgoingInterceptors } = config.extensions;
  if (incomingInterceptors.length + outgoingInterceptors.length === 0) return transport;
  const make = <Direction extends keyof InterceptorSupplier>(
    direction: Direction,
    { name, initArgs }: NamedExtension,
  ): ReturnType<NonNullable<InterceptorSupplier[Direction]>> => {
    const supplier = extensions.get('interceptor', name)[direction];
    if (supplier === null)
      throw new ConfigurationError(`interceptor ${name} is not for ${direction} datagrams.`);
    return supplier(initArgs, clock) as ReturnType<NonNullable<InterceptorSupplier[Direction]>>;
  };
  return new InterceptedTransport(
    transport,
    incomingInterceptors.map((named) => make('incoming', named)),
    outgoingInterceptors.map((named) => make('outgoing', named)),
  );
}

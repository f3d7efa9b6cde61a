import type { CncFile } from '../cnc/cnc-file.ts';
import type { Region } from '../memory/region.ts';
import type {
  BypassConfig,
  RouteOptions,
  StaticNeighbour,
} from '../transport/bypass/open-bypass-transport.ts';
import { formatIpv4, parseIpv4 } from '../util/ipv4.ts';
import { parseMac } from '../util/mac.ts';
import type { AgentSharing } from './agent-sharing.ts';
import { parseDpdkIpv6 } from './dpdk-ipv6.ts';
import { dpdkPorts } from './dpdk-ports.ts';
import type { DriverOptions } from './driver-options.ts';
import type { EventLogConfig } from './event-log/event-log.ts';
import type { ExtensionsConfig, NamedExtension, NetworkAgentConfig, TransportConfig } from './messages.ts';

/** What network agent `index` needs to know of the driver's settings; `sharing` is null when there is one agent. */
export function networkAgentConfig(
  options: DriverOptions,
  cnc: CncFile,
  lossReport: Region,
  randomInt32: () => number,
  sharing: AgentSharing | null = null,
  index = 0,
): NetworkAgentConfig {
  return {
    cnc: { buffer: cnc.region.buffer, handle: cnc.region.handle },
    countersValuesOffset: cnc.countersValues.offset,
    countersValuesLength: cnc.countersValues.length,
    lossReport: { buffer: lossReport.buffer, handle: lossReport.handle },
    transport: transportConfig(options, sharing, index),
    extensions: extensionsConfig(options),
    receiveLossRate: options.receiveLossRate,
    place: sharing === null ? null : sharing.place(index),
    maxMessagesPerSend: options.networkPublicationMaxMessagesPerSend,
    sendToStatusPollRatio: options.sendToStatusPollRatio,
    statusMessageTimeoutNs: options.rcvStatusMessageTimeoutNs,
    imageLivenessTimeoutNs: options.imageLivenessTimeoutNs,
    publicationConnectionTimeoutNs: options.publicationConnectionTimeoutNs,
    publicationUnblockTimeoutNs: options.publicationUnblockTimeoutNs,
    timerIntervalNs: options.timerIntervalNs,
    retransmitDelayNs: options.retransmitUnicastDelayNs,
    retransmitLingerNs: options.retransmitUnicastLingerNs,
    nakRetryDelayRatio: options.nakUnicastRetryDelayRatio,
    nakMulticastGroupSize: options.nakMulticastGroupSize,
    nakMulticastMaxBackoffNs: options.nakMulticastMaxBackoffNs,
    initialWindowLength: options.rcvInitialWindowLength,
    cycleThresholdNs: Math.min(options.senderCycleThresholdNs, options.receiverCycleThresholdNs),
    receiverIdHigh: randomInt32(),
    receiverIdLow: randomInt32(),
  };
}

/** What of the driver's doings is logged. */
export function eventLogConfig(options: DriverOptions): EventLogConfig {
  return {
    events: options.eventLog,
    disabledEvents: options.eventLogDisable,
    filename: options.eventLogFilename,
    fileLengthMax: options.eventLogFileMaxLength,
  };
}

function extensionsConfig(options: DriverOptions): ExtensionsConfig {
  const initArgs: Readonly<Record<string, string>> = {
    loss: options.lossArgs,
    'fixed-loss': options.fixedLossArgs,
    'multi-gap-loss': options.multiGapLossArgs,
  };
  const withArgs = (name: string): NamedExtension => ({ name, initArgs: initArgs[name] ?? '' });
  return {
    modules: options.driverDynamicLibraries,
    incomingInterceptors: options.udpChannelIncomingInterceptors.map(withArgs),
    outgoingInterceptors: options.udpChannelOutgoingInterceptors.map(withArgs),
    eventLog: eventLogConfig(options),
  };
}

function transportConfig(
  options: DriverOptions,
  sharing: AgentSharing | null,
  index: number,
): TransportConfig {
  const name = options.udpChannelTransportBindingsMedia;
  if (name !== 'default') return { kind: 'extension', name };
  switch (transportKind(options)) {
    case 'none':
      return { kind: 'none' };
    case 'kernel':
      return {
        kind: 'kernel',
        connectSendSockets: options.driverConnect,
        receiveBurstLength: options.receiverIoVectorCapacity,
        coalesceDatagrams: options.udpGso,
      };
    case 'dpdk':
      return {
        kind: 'bypass',
        ports: portConfigs(options, sharing, index),
        rxInterruptSleepNs: options.dpdkRxInterruptSleepNs,
      };
  }
}

/** The DPDK ports of the settings, as network agent `index` opens them; `sharing` is null when there is one agent. */
export function portConfigs(
  options: DriverOptions,
  sharing: AgentSharing | null = null,
  index = 0,
): BypassConfig[] {
  return dpdkPorts(options).map(({ portId, address, prefixLength, furtherAddresses, gatewayAddress }) => ({
    ealArguments: options.ealArguments,
    portId,
    localAddress: address,
    prefixLength,
    furtherAddresses,
    gatewayAddress,
    routes: options.dpdkRoutes.map(parseRoute),
    addressProbes: index === 0 ? options.dpdkAddressProbes : 0,
    neighbours: options.dpdkNeighbours.map(parseNeighbour),
    ipv6: portId === options.dpdkPortId ? parseDpdkIpv6(options) : null,
    mtu: options.dpdkMtu,
    rxQueueSize: options.dpdkRxQueueSize,
    txQueueSize: options.dpdkTxQueueSize,
    poolCacheLength: options.dpdkRxMempoolCacheSize,
    poolOperations: options.dpdkRxMempoolOps,
    vlanId: options.dpdkVlanId,
    isPromiscuous: options.dpdkPromiscuous,
    usesOffloads: options.dpdkOffloads,
    txReferenceMin: lendingPort(options) === null ? 0 : options.dpdkTxZeroCopyThreshold,
    wantsRxInterrupts: options.dpdkRxInterruptSleepNs > 0,
    queue: index,
    queues: sharing?.count ?? 1,
    handOver: sharing === null ? null : sharing.handOver(index),
    tapInterface: options.dpdkTap,
  }));
}

/** Reads `10.1.0.0/16`, a network on the link, or `10.1.0.0/16=10.0.0.253`, one behind a router. Throws RangeError for others. */
export function parseRoute(text: string): RouteOptions {
  const [, network, length, router] = /^([\d.]+)\/(\d{1,2})(?:=([\d.]+))?$/.exec(text) ?? [];
  const address = parseIpv4(network ?? '');
  const gatewayAddress = router === undefined ? 0 : parseIpv4(router);
  const prefixLength = Number(length);
  if (address === null || gatewayAddress === null || prefixLength > 32) {
    throw new RangeError(`${text} is neither network/prefix nor network/prefix=router`);
  }
  const mask = prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
  if ((address & ~mask) !== 0) {
    throw new RangeError(`${text} is no network: write ${formatIpv4(address & mask)}/${prefixLength}`);
  }
  return { network: address, prefixLength, gatewayAddress };
}

/** Reads `10.0.0.2=02:00:00:00:00:02`. Throws RangeError for what is none. */
export function parseNeighbour(text: string): StaticNeighbour {
  const [address = '', mac = '', ...rest] = text.split('=');
  const parsed = parseIpv4(address);
  if (parsed === null || rest.length > 0) throw new RangeError(`${text} is not address=Ethernet address`);
  const { high, low } = parseMac(mac);
  return { address: parsed, macHigh: high, macLow: low };
}

/** What `auto` means. */
export function transportKind({
  transport,
  dpdkLocalIpv4Address,
  dpdkLocalIpv6Address,
  ealArguments,
}: DriverOptions): 'none' | 'kernel' | 'dpdk' {
  if (transport !== 'auto') return transport;
  const hasAddress = dpdkLocalIpv4Address !== null || dpdkLocalIpv6Address.length > 0;
  return hasAddress || ealArguments.length > 0 ? 'dpdk' : 'kernel';
}

/**
 * The port that sends payloads from where they lie in logs; null: none does. With several ports it would be possible that one
 * still reads what another's receivers have long had, and what is then written over.
 */
export function lendingPort(options: DriverOptions): number | null {
  const [port, ...others] = transportKind(options) === 'dpdk' ? dpdkPorts(options) : [];
  return options.dpdkTxZeroCopyThreshold > 0 && port !== undefined && others.length === 0
    ? port.portId
    : null;
}

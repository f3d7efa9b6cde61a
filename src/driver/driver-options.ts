import type { IpAddress } from '../transport/transport.ts';

/** How the agents share threads. DEDICATED over anything but kernel sockets runs as SHARED_NETWORK. */
export type ThreadingMode = 'DEDICATED' | 'SHARED_NETWORK' | 'SHARED' | 'INVOKER';

/** A range of UDP ports, both ends included; 0–0 leaves the choice to the system. */
export interface PortRange {
  readonly low: number;
  readonly high: number;
}

/** An IPv4 address with the length of its network prefix. */
export interface Ipv4Interface {
  readonly address: IpAddress;
  /** Bits. Null, not given: 24 beside a gateway, else 0, and everybody is looked for on the link. */
  readonly prefixLength: number | null;
}

/**
 * Every setting of the driver that has an effect, parsed. What each means, its property name, environment variable,
 * default and range: the table in `settings.ts`. Lengths are bytes, times are in the unit their name ends with.
 */
export interface DriverOptions {
  readonly dir: string;
  readonly dirWarnIfExists: boolean;
  readonly dirDeleteOnStart: boolean;
  readonly dirDeleteOnShutdown: boolean;
  readonly threadingMode: ThreadingMode;
  readonly eventLog: readonly string[];
  readonly eventLogDisable: readonly string[];
  readonly eventLogFilename: string;
  readonly eventLogFileMaxLength: number;
  readonly printConfiguration: boolean;
  readonly driverTerminationValidator: string;
  readonly driverDynamicLibraries: readonly string[];

  readonly conductorBufferLength: number;
  readonly clientsBufferLength: number;
  readonly countersBufferLength: number;
  readonly errorBufferLength: number;
  readonly lossReportBufferLength: number;
  readonly filePageSize: number;
  readonly performStorageChecks: boolean;
  readonly lowFileStoreWarningThreshold: number;

  readonly clientLivenessTimeoutNs: number;
  readonly driverTimeoutMs: number;
  readonly timerIntervalNs: number;
  readonly countersFreeToReuseTimeoutNs: number;

  readonly termBufferLength: number;
  readonly ipcTermBufferLength: number;
  readonly termBufferSparseFile: boolean;
  readonly mtuLength: number;
  readonly ipcMtuLength: number;
  readonly publicationTermWindowLength: number;
  readonly ipcPublicationTermWindowLength: number;
  readonly publicationLingerTimeoutNs: number;
  readonly publicationUnblockTimeoutNs: number;
  readonly publicationConnectionTimeoutNs: number;
  readonly publicationReservedSessionIdLow: number;
  readonly publicationReservedSessionIdHigh: number;

  readonly spiesSimulateConnection: boolean;

  readonly socketSoRcvbuf: number;
  readonly socketSoSndbuf: number;
  readonly socketMulticastTtl: number;
  readonly udpGso: boolean;
  readonly rcvInitialWindowLength: number;
  readonly rcvStatusMessageTimeoutNs: number;
  readonly sendToStatusPollRatio: number;
  readonly imageLivenessTimeoutNs: number;
  readonly reliableStream: boolean;
  readonly tetherSubscriptions: boolean;
  readonly untetheredWindowLimitTimeoutNs: number;
  /** 0: as {@link untetheredWindowLimitTimeoutNs}. */
  readonly untetheredLingerTimeoutNs: number;
  readonly untetheredRestingTimeoutNs: number;
  readonly rejoinStream: boolean;
  readonly receiverGroupConsideration: 'infer' | 'true' | 'false';
  /** Null: none. */
  readonly receiverGroupTag: bigint | null;
  /** `default`: as the channel says (`cc`). */
  readonly congestionControlSupplier: string;
  readonly cubicMeasureRtt: boolean;
  readonly cubicInitialRttNs: number;
  readonly cubicTcpMode: boolean;
  readonly nakUnicastDelayNs: number;
  readonly nakUnicastRetryDelayRatio: number;
  readonly nakMulticastGroupSize: number;
  readonly nakMulticastMaxBackoffNs: number;
  readonly retransmitUnicastDelayNs: number;
  readonly retransmitUnicastLingerNs: number;
  readonly maxResend: number;
  /** What is not `max`, `min` or `tagged` a module has registered. */
  readonly unicastFlowControl: string;
  readonly multicastFlowControl: string;
  /** Receiver windows that one NAK of a unicast stream, or of a group's, gets at most. */
  readonly unicastFlowControlRrwm: number;
  readonly multicastFlowControlRrwm: number;
  readonly flowControlGroupTag: bigint;
  readonly flowControlGroupMinSize: number;
  readonly flowControlReceiverTimeoutNs: number;
  readonly streamSessionLimit: number;
  readonly senderWildcardPortRange: PortRange;
  readonly receiverWildcardPortRange: PortRange;
  readonly driverConnect: boolean;
  readonly receiverIoVectorCapacity: number;
  readonly networkPublicationMaxMessagesPerSend: number;

  readonly udpChannelTransportBindingsMedia: string;
  readonly udpChannelIncomingInterceptors: readonly string[];
  readonly udpChannelOutgoingInterceptors: readonly string[];
  readonly lossArgs: string;
  readonly fixedLossArgs: string;
  readonly multiGapLossArgs: string;
  /** 0 to 1. */
  readonly receiveLossRate: number;

  readonly reresolutionCheckIntervalNs: number;
  readonly nameResolverSupplier: string;
  readonly nameResolverInitArgs: string;
  readonly resolverName: string;
  readonly resolverInterface: string;
  readonly resolverBootstrapNeighbors: readonly string[];
  readonly resolverNeighborTimeoutNs: number;
  readonly resolverSelfResolutionIntervalNs: number;
  readonly resolverNeighborResolutionIntervalNs: number;
  readonly resolverBootstrapNeighborResolutionIntervalNs: number;
  readonly nameResolverThresholdNs: number;
  readonly conductorCycleThresholdNs: number;
  readonly senderCycleThresholdNs: number;
  readonly receiverCycleThresholdNs: number;

  readonly conductorIdleStrategy: string;
  readonly conductorIdleStrategyInitArgs: string;
  readonly sharedIdleStrategy: string;
  readonly sharedIdleStrategyInitArgs: string;
  readonly senderIdleStrategy: string;
  readonly senderIdleStrategyInitArgs: string;
  readonly receiverIdleStrategy: string;
  readonly receiverIdleStrategyInitArgs: string;
  readonly sharedNetworkIdleStrategy: string;
  readonly sharedNetworkIdleStrategyInitArgs: string;
  readonly conductorCpuAffinity: number;
  readonly senderCpuAffinity: number;
  readonly receiverCpuAffinity: number;

  readonly networkAgents: number;
  readonly networkStartTimeoutNs: number;
  readonly transport: 'auto' | 'kernel' | 'dpdk' | 'none';
  readonly dpdkLocalIpv4Address: Ipv4Interface | null;
  readonly dpdkFurtherIpv4Addresses: readonly string[];
  readonly dpdkGatewayIpv4Address: IpAddress;
  readonly dpdkRoutes: readonly string[];
  readonly dpdkAddressProbes: number;
  readonly dpdkNeighbours: readonly string[];
  readonly dpdkLocalIpv6Address: readonly string[];
  readonly dpdkGatewayIpv6Address: string;
  readonly dpdkPortId: number;
  readonly dpdkFurtherPorts: readonly string[];
  readonly dpdkMtu: number;
  readonly dpdkRxQueueSize: number;
  readonly dpdkTxQueueSize: number;
  readonly dpdkRxMempoolCacheSize: number;
  readonly dpdkRxMempoolOps: string;
  readonly dpdkVlanId: number;
  readonly dpdkPromiscuous: boolean;
  readonly dpdkOffloads: boolean;
  readonly dpdkTxZeroCopyThreshold: number;
  readonly dpdkRxInterruptSleepNs: number;
  /** Name of a TAP interface; `''`: none. */
  readonly dpdkTap: string;
  readonly dpdkUser: string;
  readonly dpdkGroup: string;
  readonly dpdkExtendedStats: boolean;
  /** Arguments for DPDK's environment abstraction layer: what stands before `--` on the command line. */
  readonly ealArguments: readonly string[];
}

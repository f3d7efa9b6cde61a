import type { DriverOptions } from './driver-options.ts';

/** What the text of a setting is turned into, and how it is checked. */
export type SettingKind =
  | 'string'
  | 'bool'
  | 'int'
  /** A share: `0.05`. */
  | 'fraction'
  /** 64 bits, or not set. */
  | 'int64'
  /** Bytes: `64k`, `16m`, `1g`. */
  | 'size'
  /** Nanoseconds: `100us`, `5s`; a bare number is nanoseconds. */
  | 'duration'
  | 'enum'
  | 'idleStrategy'
  /** Names or paths, separated by commas: at most twenty. */
  | 'list'
  /** `low high`. */
  | 'portRange'
  | 'ipv4'
  /** `10.0.0.1/24`; the prefix may be left out. */
  | 'ipv4Interface';

/** One setting of the driver. */
export interface Setting {
  /** Name in property files and after `-D`; Aeron's own where Aeron has it. */
  readonly property: string;
  /** Name of the environment variable, where it is not {@link property} in capitals with `_` for `.`. */
  readonly env?: string;
  readonly kind: SettingKind;
  /** As a user would write it. `''` means not set. */
  readonly default: string;
  /** Smallest and largest value, both allowed. */
  readonly min?: number;
  readonly max?: number;
  /** For `enum`: what may be written, and what it means. */
  readonly values?: Readonly<Record<string, string>>;
  /** For `enum`: what is none of these is the name of something that a module registers. */
  readonly isOpen?: boolean;
  /** One line for `--help` and the reference page. */
  readonly help: string;
}

const INT32_MIN = -2147483648;
const INT32_MAX = 2147483647;
const GIB = 1024 * 1024 * 1024;
const LARGEST = Number.MAX_SAFE_INTEGER;
/** A microsecond: the shortest timeout the official driver takes. */
const US = 1000;

function setting(property: string, kind: SettingKind, value: string, help: string): Setting {
  return { property, kind, default: value, help };
}

function int(property: string, value: string, min: number, max: number, help: string): Setting {
  return { property, kind: 'int', default: value, min, max, help };
}

function size(property: string, value: string, min: number, max: number, help: string): Setting {
  return { property, kind: 'size', default: value, min, max, help };
}

function duration(
  property: string,
  value: string,
  min: number,
  max: number,
  help: string,
  env = '',
): Setting {
  return { property, kind: 'duration', default: value, min, max, help, ...(env === '' ? {} : { env }) };
}

function choice(property: string, value: string, values: Record<string, string>, help: string): Setting {
  return { property, kind: 'enum', default: value, values, help };
}

/** A choice of names, to which modules may add. */
function extensible(property: string, value: string, values: Record<string, string>, help: string): Setting {
  return { ...choice(property, value, values, help), isOpen: true };
}

/** What a flow control strategy is called by official drivers: in C its symbol and its name, in Java its class. */
function flowControlNames(meaning: string, symbol: string, javaClass: string): Record<string, string> {
  const names = [
    `aeron_${symbol}_flow_control_strategy_supplier`,
    `multicast_${meaning}`,
    `io.aeron.driver.${javaClass}FlowControlSupplier`,
  ];
  return Object.fromEntries(names.map((name) => [name, meaning]));
}

/** Words that mean themselves. */
function same(...words: string[]): Record<string, string> {
  return Object.fromEntries(words.map((word) => [word, word]));
}

/** Every setting that has an effect. Parsing, defaults, validation, `--help` and the reference page come from here. */
// biome-ignore format: a table
export const SETTINGS: { readonly [K in Exclude<keyof DriverOptions, 'ealArguments'>]: Setting } = {
  dir: setting('aeron.dir', 'string', '', 'Aeron directory; /dev/shm/aeron-<user> when not set'),
  dirWarnIfExists: setting('aeron.dir.warn.if.exists', 'bool', 'false',
    'say so on stderr when the directory exists at start'),
  dirDeleteOnStart: setting('aeron.dir.delete.on.start', 'bool', 'false',
    'delete the directory at start without looking for an active driver'),
  dirDeleteOnShutdown: setting('aeron.dir.delete.on.shutdown', 'bool', 'false',
    'delete the directory at an orderly end'),
  threadingMode: choice('aeron.threading.mode', 'DEDICATED',
    same('DEDICATED', 'SHARED_NETWORK', 'SHARED', 'INVOKER'),
    'how agents share threads; DEDICATED over DPDK runs as SHARED_NETWORK'),
  eventLog: setting('aeron.event.log', 'list', '',
    'events to log, a line each: all, admin (no frames, no keepalives), FRAME_IN, FRAME_OUT, CMD_IN_ADD_PUBLICATION …, CMD_OUT_*'),
  eventLogDisable: setting('aeron.event.log.disable', 'list', '', 'events of these not to log'),
  eventLogFilename: setting('aeron.event.log.filename', 'string', '', 'file that lines are added to; empty: standard output'),
  eventLogFileMaxLength: size('aeron.event.log.file.max.length', '0', 0, LARGEST,
    'a file that has become so long is put aside as .0, .1 …, and a new one begins; 0: never'),
  printConfiguration: setting('aeron.print.configuration', 'bool', 'false', 'print every setting at start'),
  driverTerminationValidator: setting('aeron.driver.termination.validator', 'string', 'deny',
    'whether a client may terminate the driver: allow, deny, or what a module registered'),
  driverDynamicLibraries: setting('aeron.driver.dynamic.libraries', 'list', '',
    'ES modules, by path, that register extensions'),

  conductorBufferLength: size('aeron.conductor.buffer.length', '1049344', 1049344, INT32_MAX,
    'command buffer: a power of two plus 768'),
  clientsBufferLength: size('aeron.clients.buffer.length', '1048704', 1048704, INT32_MAX,
    'broadcast buffer: a power of two plus 128'),
  countersBufferLength: size('aeron.counters.buffer.length', '8m', 1024 * 1024, 500 * 1024 * 1024,
    'counter values, 128 bytes a counter'),
  errorBufferLength: size('aeron.error.buffer.length', '4m', 4 * 1024 * 1024, INT32_MAX, 'error log'),
  lossReportBufferLength: size('aeron.loss.report.buffer.length', '1m', 1024, INT32_MAX, 'loss report'),
  filePageSize: size('aeron.file.page.size', '4k', 4096, GIB,
    'file lengths are multiples of it: a power of two'),
  performStorageChecks: setting('aeron.perform.storage.checks', 'bool', 'true',
    'look for enough free space before making a log'),
  lowFileStoreWarningThreshold: size('aeron.low.file.store.warning.threshold', '160m', 0, LARGEST,
    'free space below which the error log gets a warning'),

  clientLivenessTimeoutNs: duration('aeron.client.liveness.timeout', '10s', US, LARGEST,
    'a client silent for longer is dead'),
  driverTimeoutMs: int('aeron.driver.timeout', '10000', 0, LARGEST,
    'a driver silent for longer is dead, milliseconds'),
  timerIntervalNs: duration('aeron.timer.interval', '1s', US, LARGEST, 'time between two looks at timeouts'),
  countersFreeToReuseTimeoutNs: duration('aeron.counters.free.to.reuse.timeout', '1s', 0, LARGEST,
    'rest of a freed counter before its id is used again'),

  termBufferLength: size('aeron.term.buffer.length', '16m', 65536, GIB,
    'term of a network publication: a power of two'),
  ipcTermBufferLength: size('aeron.ipc.term.buffer.length', '64m', 65536, GIB,
    'term of an IPC publication: a power of two'),
  termBufferSparseFile: setting('aeron.term.buffer.sparse.file', 'bool', 'true',
    'take the pages of a log when they are first touched'),
  mtuLength: size('aeron.mtu.length', '1408', 32, 65504, 'largest datagram payload: a multiple of 32'),
  ipcMtuLength: size('aeron.ipc.mtu.length', '1408', 32, 65504, 'largest frame of IPC: a multiple of 32'),
  publicationTermWindowLength: size('aeron.publication.term.window.length', '0', 0, GIB,
    'bytes a publisher may be ahead; 0: half a term'),
  ipcPublicationTermWindowLength: size('aeron.ipc.publication.term.window.length', '0', 0, GIB,
    'bytes an IPC publisher may be ahead; 0: half a term'),
  publicationLingerTimeoutNs: duration('aeron.publication.linger.timeout', '5s', US, LARGEST,
    'a removed publication answers NAKs for so long'),
  publicationUnblockTimeoutNs: duration('aeron.publication.unblock.timeout', '15s', US, LARGEST,
    'an unfinished claim is given up after'),
  publicationConnectionTimeoutNs: duration('aeron.publication.connection.timeout', '5s', US, LARGEST,
    'without status messages for so long a publication is not connected'),
  publicationReservedSessionIdLow: int('aeron.publication.reserved.session.id.low', '-1', INT32_MIN, INT32_MAX,
    'first session id the driver does not choose'),
  publicationReservedSessionIdHigh: int('aeron.publication.reserved.session.id.high', '1000', INT32_MIN, INT32_MAX,
    'last session id the driver does not choose'),

  spiesSimulateConnection: setting('aeron.spies.simulate.connection', 'bool', 'false',
    'spies alone connect a publication, where the channel does not say'),

  socketSoRcvbuf: size('aeron.socket.so_rcvbuf', '128k', 0, INT32_MAX,
    'receive buffer of a socket; 0: the system chooses'),
  socketSoSndbuf: size('aeron.socket.so_sndbuf', '0', 0, INT32_MAX,
    'send buffer of a socket; 0: the system chooses'),
  socketMulticastTtl: int('aeron.socket.multicast.ttl', '0', 0, 255,
    'time to live of multicast, where the channel does not say; 0: the system chooses, which is 1'),
  udpGso: setting('aeron.udp.gso', 'bool', 'true',
    'datagrams of one stream go through the kernel together: UDP GSO and GRO, where the kernel has them'),
  rcvInitialWindowLength: size('aeron.rcv.initial.window.length', '128k', 256, GIB, 'receiver window'),
  rcvStatusMessageTimeoutNs: duration('aeron.rcv.status.message.timeout', '200ms', US, LARGEST,
    'longest time between two status messages'),
  sendToStatusPollRatio: int('aeron.send.to.status.poll.ratio', '6', 1, INT32_MAX,
    'send cycles for one look at status messages'),
  imageLivenessTimeoutNs: duration('aeron.image.liveness.timeout', '10s', US, LARGEST,
    'an image without packets for longer is gone'),
  reliableStream: setting('aeron.reliable.stream', 'bool', 'true',
    'ask again for what was lost, where the channel does not say'),
  tetherSubscriptions: setting('aeron.tether.subscriptions', 'bool', 'true',
    'subscribers may hold a stream back for as long as they want, where the channel does not say'),
  untetheredWindowLimitTimeoutNs: duration('aeron.untethered.window.limit.timeout', '5s', US, LARGEST,
    'a subscriber with tether=false may hold a stream back for so long'),
  untetheredLingerTimeoutNs: duration('aeron.untethered.linger.timeout', '0', 0, LARGEST,
    'it still counts for so long after its image went; 0: as long as the window limit timeout'),
  untetheredRestingTimeoutNs: duration('aeron.untethered.resting.timeout', '10s', US, LARGEST,
    'it comes back after so long'),
  rejoinStream: setting('aeron.rejoin.stream', 'bool', 'true',
    'join a stream again after its image went away'),
  receiverGroupConsideration: choice('aeron.receiver.group.consideration', 'infer', {
    ...same('infer', 'true', 'false'),
    INFER: 'infer',
    FORCE_TRUE: 'true',
    FORCE_FALSE: 'false',
  },
    'whether streams are taken for those of a group, whose NAKs wait; infer: as channel and sender suggest'),
  receiverGroupTag: setting('aeron.receiver.group.tag', 'int64', '',
    'group tag that senders are told, where the channel does not say'),
  congestionControlSupplier: extensible('aeron.CongestionControl.supplier', 'default', {
    ...same('default', 'static', 'cubic'),
    'io.aeron.driver.DefaultCongestionControlSupplier': 'default',
    'io.aeron.driver.StaticWindowCongestionControlSupplier': 'static',
    'io.aeron.driver.ext.CubicCongestionControlSupplier': 'cubic',
    aeron_congestion_control_default_strategy_supplier: 'default',
    aeron_static_window_congestion_control_strategy_supplier: 'static',
    aeron_cubic_congestion_control_strategy_supplier: 'cubic',
  },
    'what changes the receiver window, by name; default: what the channel says (cc=static, cc=cubic)'),
  cubicMeasureRtt: setting('aeron.CubicCongestionControl.measureRtt', 'bool', 'false',
    'measure round trip times for cc=cubic'),
  cubicInitialRttNs: duration('aeron.CubicCongestionControl.initialRtt', '100us', US, LARGEST,
    'round trip time before one was measured, and the time between two changes of the window'),
  cubicTcpMode: setting('aeron.CubicCongestionControl.tcpMode', 'bool', 'false',
    'let the window of cc=cubic grow at least as fast as that of TCP'),
  nakUnicastDelayNs: duration('aeron.nak.unicast.delay', '1us', US, LARGEST,
    'wait before the first NAK of a gap'),
  nakUnicastRetryDelayRatio: int('aeron.nak.unicast.retry.delay.ratio', '100', 1, LARGEST,
    'wait before the next NAK, in first waits'),
  nakMulticastGroupSize: int('aeron.nak.multicast.group.size', '10', 1, INT32_MAX,
    'receivers that a group is thought to have, for how long its NAKs wait'),
  nakMulticastMaxBackoffNs: duration('aeron.nak.multicast.max.backoff', '10ms', US, LARGEST,
    'longest wait before a NAK in a group'),
  retransmitUnicastDelayNs: duration('aeron.retransmit.unicast.delay', '0', 0, LARGEST,
    'wait before answering a NAK'),
  retransmitUnicastLingerNs: duration('aeron.retransmit.unicast.linger', '10ms', US, LARGEST,
    'further NAKs for what was sent again are ignored for'),
  maxResend: int('aeron.max.resend', '16', 1, 256, 'retransmissions of a stream at a time'),
  multicastFlowControl: extensible('aeron.multicast.FlowControl.supplier', 'max', {
    ...same('max', 'min', 'tagged'),
    'io.aeron.driver.DefaultMulticastFlowControlSupplier': 'max',
    ...flowControlNames('max', 'max_multicast', 'MaxMulticast'),
    ...flowControlNames('min', 'min', 'MinMulticast'),
    ...flowControlNames('tagged', 'tagged', 'TaggedMulticast'),
  },
    'flow control of publications with several receivers, where the channel does not say'),
  unicastFlowControl: extensible('aeron.unicast.FlowControl.supplier', 'max', {
    ...same('max'),
    unicast_max: 'max',
    aeron_unicast_flow_control_strategy_supplier: 'max',
    'io.aeron.driver.DefaultUnicastFlowControlSupplier': 'max',
  },
    'flow control of publications with one receiver, where the channel does not say'),
  unicastFlowControlRrwm: int('aeron.unicast.flow.control.rrwm', '16', 1, INT32_MAX,
    'receiver windows that one NAK of a unicast stream gets at most'),
  multicastFlowControlRrwm: int('aeron.multicast.flow.control.rrwm', '4', 1, INT32_MAX,
    'receiver windows that one NAK of a stream with several receivers gets at most'),
  flowControlGroupTag: setting('aeron.flow.control.group.tag', 'int64', '-1',
    'receivers with this tag are waited for by fc=tagged'),
  flowControlGroupMinSize: int('aeron.flow.control.group.min.size', '0', 0, INT32_MAX,
    'receivers that fc=min and fc=tagged need for a publication to be connected'),
  flowControlReceiverTimeoutNs: duration('aeron.flow.control.receiver.timeout', '5s', US, LARGEST,
    'fc=min and fc=tagged no longer wait for a receiver that is silent for so long'),
  streamSessionLimit: int('aeron.driver.stream.session.limit', '2147483647', 1, INT32_MAX,
    'images of one stream on one endpoint'),
  senderWildcardPortRange: setting('aeron.sender.wildcard.port.range', 'portRange', '0 0',
    'ports for control=host:0'),
  receiverWildcardPortRange: setting('aeron.receiver.wildcard.port.range', 'portRange', '0 0',
    'ports for endpoint=host:0'),
  driverConnect: setting('aeron.driver.connect', 'bool', 'true', 'connect the sockets of publications'),
  receiverIoVectorCapacity: int('aeron.receiver.io.vector.capacity', '0', 0, 64,
    'datagrams taken from kernel sockets at a time; 0: 64'),
  networkPublicationMaxMessagesPerSend: int('aeron.network.publication.max.messages.per.send', '0', 0, 64,
    'datagrams of a publication sent at a time; 0: 8, or as many as UDP GSO takes together'),

  udpChannelTransportBindingsMedia: setting('aeron.udp.channel.transport.bindings.media', 'string', 'default',
    'transport that a module registered; default: what aeron.transport says'),
  udpChannelIncomingInterceptors: setting('aeron.udp.channel.incoming.interceptors', 'list', '',
    'what received datagrams go through, the last first: loss, fixed-loss, multi-gap-loss, or what a module registered'),
  udpChannelOutgoingInterceptors: setting('aeron.udp.channel.outgoing.interceptors', 'list', '',
    'what sent datagrams go through, the last first: what a module registered'),
  lossArgs: setting('aeron.udp.channel.transport.bindings.loss.args', 'string', '',
    'of the interceptor loss: rate=0.1|seed=42|recv-msg-mask=0x2, a bit of the mask for each frame type'),
  fixedLossArgs: setting('aeron.udp.channel.transport.bindings.fixed.loss.args', 'string', '',
    'of the interceptor fixed-loss: term-id=0|term-offset=0|length=4096'),
  multiGapLossArgs: setting('aeron.udp.channel.transport.bindings.multi.gap.loss.args', 'string', '',
    'of the interceptor multi-gap-loss: term-id=0|gap-radix=4096|gap-length=64|total-gaps=10'),
  receiveLossRate: setting('aeron.debug.receive.loss.rate', 'fraction', '0',
    'share of received datagrams that is dropped, to try what loss does: 0.05 is one in twenty'),

  reresolutionCheckIntervalNs: duration('aeron.driver.reresolution.check.interval', '1s', 0, LARGEST,
    'how often the names of silent endpoints are looked up again; 0: never'),
  nameResolverSupplier: setting('aeron.name.resolver.supplier', 'string', 'default',
    'who looks names up: default (the system), csv_table, or what a module registered'),
  nameResolverInitArgs: setting('aeron.name.resolver.init.args', 'string', '',
    'its arguments; of csv_table: name,initial host,re-resolution host|…'),
  resolverName: setting('aeron.driver.resolver.name', 'string', '',
    'name by which other drivers find this one: endpoint=name:port'),
  resolverInterface: setting('aeron.driver.resolver.interface', 'string', '',
    'address:port at which drivers tell each other names; empty: they do not'),
  resolverBootstrapNeighbors: setting('aeron.driver.resolver.bootstrap.neighbor', 'list', '',
    'host:port of drivers to begin with, at most 20'),
  resolverNeighborTimeoutNs: duration('aeron.driver.resolver.neighbor.timeout', '10s', US, LARGEST,
    'a driver that nobody has heard of for so long is forgotten'),
  resolverSelfResolutionIntervalNs: duration('aeron.driver.resolver.self.resolution.interval', '1s', US, LARGEST,
    'how often others are told the name of this one'),
  resolverNeighborResolutionIntervalNs: duration('aeron.driver.resolver.neighbor.resolution.interval', '2s', US, LARGEST,
    'how often others are told all known names'),
  resolverBootstrapNeighborResolutionIntervalNs: duration(
    'aeron.driver.resolver.bootstrap.neighbor.resolution.interval', '10s', US, LARGEST,
    'how often the hosts of silent bootstrap neighbors are looked up again'),
  nameResolverThresholdNs: duration('aeron.name.resolver.threshold', '5s', 0, LARGEST,
    'a slower name look-up is counted', 'AERON_DRIVER_NAME_RESOLVER_THRESHOLD'),
  conductorCycleThresholdNs: duration('aeron.driver.conductor.cycle.threshold', '100ms', 0, LARGEST,
    'a longer cycle of the conductor is counted'),
  senderCycleThresholdNs: duration('aeron.driver.sender.cycle.threshold', '100ms', 0, LARGEST,
    'a longer cycle of the sender is counted'),
  receiverCycleThresholdNs: duration('aeron.driver.receiver.cycle.threshold', '100ms', 0, LARGEST,
    'a longer cycle of the receiver is counted'),

  conductorIdleStrategy: setting('aeron.conductor.idle.strategy', 'idleStrategy', 'backoff',
    'idle strategy of the conductor'),
  conductorIdleStrategyInitArgs: setting('aeron.conductor.idle.strategy.init.args', 'string', '',
    'its arguments'),
  sharedIdleStrategy: setting('aeron.shared.idle.strategy', 'idleStrategy', 'backoff',
    'idle strategy of SHARED'),
  sharedIdleStrategyInitArgs: setting('aeron.shared.idle.strategy.init.args', 'string', '', 'its arguments'),
  senderIdleStrategy: setting('aeron.sender.idle.strategy', 'idleStrategy', 'backoff',
    'idle strategy of the sender in DEDICATED'),
  senderIdleStrategyInitArgs: setting('aeron.sender.idle.strategy.init.args', 'string', '', 'its arguments'),
  receiverIdleStrategy: setting('aeron.receiver.idle.strategy', 'idleStrategy', 'backoff',
    'idle strategy of the receiver in DEDICATED'),
  receiverIdleStrategyInitArgs: setting('aeron.receiver.idle.strategy.init.args', 'string', '', 'its arguments'),
  sharedNetworkIdleStrategy: setting('aeron.sharednetwork.idle.strategy', 'idleStrategy', 'backoff',
    'idle strategy of the network thread in SHARED_NETWORK'),
  sharedNetworkIdleStrategyInitArgs: setting('aeron.sharednetwork.idle.strategy.init.args', 'string', '',
    'its arguments'),
  conductorCpuAffinity: int('aeron.conductor.cpu.affinity', '-1', -1, 255, 'CPU of the conductor; -1: any'),
  senderCpuAffinity: int('aeron.sender.cpu.affinity', '-1', -1, 255, 'CPU of the sender or the network thread, the next ones of further network threads; -1: any'),
  receiverCpuAffinity: int('aeron.receiver.cpu.affinity', '-1', -1, 255,
    'CPU of the receiver; of the network thread where the sender names none'),

  networkAgents: int('aeron.network.agents', '1', 1, 16,
    'network threads, each with its own sockets or queue pair of the DPDK port; a stream has one, by its UDP port'),
  networkStartTimeoutNs: duration('aeron.network.start.timeout', '120s', US, LARGEST,
    'time in which a network thread has to have started, DPDK and its card included'),
  transport: choice('aeron.transport', 'auto', same('auto', 'kernel', 'dpdk', 'none'),
    'kernel sockets, a DPDK port, or none (IPC only); auto: DPDK when its address or EAL arguments are given'),
  dpdkLocalIpv4Address: setting('aeron.dpdk.local.ipv4.address', 'ipv4Interface', '',
    'our address on the DPDK port, with prefix: 10.0.0.1/24; not needed where there is one of IPv6'),
  dpdkFurtherIpv4Addresses: setting('aeron.dpdk.further.ipv4.addresses', 'list', '',
    'more of our addresses on the DPDK port, each with its prefix: 10.1.0.1/24,10.2.0.1/16'),
  dpdkGatewayIpv4Address: setting('aeron.dpdk.gateway.ipv4.address', 'ipv4', '',
    'router for addresses outside the prefix'),
  dpdkRoutes: setting('aeron.dpdk.routes', 'list', '',
    'other networks on the link, or behind routers of their own: 10.1.0.0/16,10.2.0.0/16=10.0.0.253'),
  dpdkAddressProbes: int('aeron.dpdk.address.probes', '3', 0, 10,
    'how often our address is asked for, 100 ms apart, before it is used; another card that has it stops the driver; 0: not'),
  dpdkNeighbours: setting('aeron.dpdk.neighbours', 'list', '',
    'hosts that are not asked for their Ethernet address: 10.0.0.2=02:00:00:00:00:02,…'),
  dpdkLocalIpv6Address: setting('aeron.dpdk.local.ipv6.address', 'list', '',
    'our IPv6 addresses on the DPDK port, with prefixes (2001:db8::1/64,fe80::1/64); without one no IPv6'),
  dpdkGatewayIpv6Address: setting('aeron.dpdk.gateway.ipv6.address', 'string', '',
    'IPv6 router for addresses outside the prefixes'),
  dpdkPortId: int('aeron.dpdk.port.id', '0', 0, 65535, 'DPDK port'),
  dpdkFurtherPorts: setting('aeron.dpdk.further.ports', 'list', '',
    'more ports than the first: id=address/prefix, with @gateway where there is one: 1=10.1.0.1/24@10.1.0.254,…'),
  dpdkMtu: size('aeron.dpdk.mtu', '0', 0, 65535, 'IP MTU of the port, to 9000 on most; 0: as the device has it'),
  dpdkRxQueueSize: int('aeron.dpdk.rx.queue.size', '1024', 32, 65536, 'receive descriptors'),
  dpdkTxQueueSize: int('aeron.dpdk.tx.queue.size', '1024', 32, 65536, 'transmit descriptors'),
  dpdkRxMempoolCacheSize: int('aeron.dpdk.rx.mempool.cache.size', '256', 0, 512,
    'packet buffers that a thread keeps at hand'),
  dpdkRxMempoolOps: setting('aeron.dpdk.rx.mempool.ops', 'string', '',
    'who manages packet buffers: ring_mp_mc, stack …; empty: DPDK chooses'),
  dpdkVlanId: int('aeron.dpdk.vlan.id', '0', 0, 4094, 'VLAN of everything that is sent and heard; 0: frames have no tag'),
  dpdkPromiscuous: setting('aeron.dpdk.promiscuous', 'bool', 'false', 'let in frames to others too'),
  dpdkOffloads: setting('aeron.dpdk.offloads', 'bool', 'true',
    'let the card see to checksums and VLAN tags where it can'),
  dpdkTxZeroCopyThreshold: size('aeron.dpdk.tx.zero.copy.threshold', '0', 0, 65_536,
    'datagrams of at least so many bytes are sent from the log itself, where the one port can; 0: all are copied'),
  dpdkRxInterruptSleepNs: duration('aeron.dpdk.rx.interrupt.sleep', '0', 0, 1e9,
    'an idle network thread sleeps until a frame comes, at most so long; 0: it idles as its strategy says'),
  dpdkTap: setting('aeron.dpdk.tap', 'string', '',
    'name of a TAP interface that the driver makes, for all traffic of the card that is not its own; empty: none'),
  dpdkUser: setting('aeron.dpdk.user', 'string', '',
    'user that a driver of root becomes when it has started; empty: it stays root'),
  dpdkGroup: setting('aeron.dpdk.group', 'string', '', 'and the group; empty: the user’s own'),
  dpdkExtendedStats: setting('aeron.dpdk.extended.stats', 'bool', 'true',
    'have a counter for everything that the card counts'),
};

/**
 * Settings of the official drivers, by what they belong to, that are accepted with any value and change nothing here,
 * so that what starts an official driver starts this one.
 */
export const IGNORED_SETTINGS: Readonly<Record<string, readonly string[]>> = {
  'thread names': ['aeron.thread.naming'],
  'a resource thread': [
    'aeron.driver.native.resource.agent.idle.strategy',
    'aeron.driver.native.resource.agent.idle.strategy.init.args',
    'aeron.driver.native.resource.agent.cpu.affinity',
    'aeron.driver.resource.free.limit',
  ],
  cpusets: ['aeron.driver.cpuset.affinity', 'aeron.driver.cpuset.warnings.as.errors'],
  sendmmsg: ['aeron.sender.io.vector.capacity'],
  'transport bindings in C': [
    'aeron.conductor.udp.channel.transport.bindings.media',
    'aeron.agent.on.start.function',
  ],
  'experimental features': ['aeron.enable.experimental.features'],
  'memory pools of their own for what is sent over DPDK': [
    'aeron.dpdk.tx.mempool.per.queue',
    'aeron.dpdk.tx.mempool.ops',
    'aeron.dpdk.tx.mempool.cache.size',
  ],
  Kubernetes: ['aeron.dpdk.threads.from.cgroup'],
};

/** The environment variable of a setting. */
export function environmentName(setting: { readonly property: string; readonly env?: string }): string {
  return setting.env ?? setting.property.toUpperCase().replaceAll('.', '_');
}

/** What a seed stands for: machines, settings, streams and faults. Nothing else of a run is drawn before it starts. */
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import { formatIpv4 } from '../../src/util/ipv4.ts';
import { Prng } from '../../src/util/prng.ts';

export const FAULTS = [
  'drop',
  'duplicate',
  'reorder',
  'corrupt',
  'delay',
  'partition',
  'one-way-partition',
  'clog',
  'mtu-shrink',
  'short-send',
  'driver-pause',
  'agent-pause',
  'client-pause',
  'client-death',
  'driver-death',
  'receiver-churn',
  'slow-consumer',
] as const;

export type Fault = (typeof FAULTS)[number];

/** How a stream gets to its subscribers. */
export type StreamKind = 'udp' | 'ipc' | 'spy' | 'multi-destination-cast' | 'multicast';

export interface StreamPlan {
  readonly index: number;
  readonly name: string;
  readonly kind: StreamKind;
  readonly streamId: number;
  readonly publicationChannel: string;
  readonly subscriptionChannel: string;
  readonly isReliable: boolean;
  readonly isExclusive: boolean;
  /** Null: as the driver's settings say. */
  readonly lingerMs: number | null;
  readonly publisherHost: number;
  readonly subscriberHost: number;
  readonly publisherCount: number;
  readonly subscriberCount: number;
  /** Bytes of the longest message, as a share of the longest there can be. */
  readonly messageLengths: 'tiny' | 'small' | 'mixed' | 'long';
  /** Probability of offering in a step, and messages at most then. */
  readonly offerRate: number;
  readonly burst: number;
  readonly claimShare: number;
}

/** Who runs the agents of a driver. */
export interface DriverPlan {
  readonly threadingMode: DriverOptions['threadingMode'];
  readonly networkAgents: number;
  /** Probability that the event loop gets a turn in a step, and so the conductor. */
  readonly conductorRate: number;
  /** The same for each network thread, if there are any. */
  readonly threadRates: readonly number[];
}

export interface Plan {
  readonly seed: number;
  readonly stepNs: number;
  readonly hostCount: number;
  readonly addresses: readonly number[];
  readonly isBypass: boolean;
  readonly readsAtFlush: boolean;
  readonly linkDelayNs: number;
  readonly clientsPerHost: number;
  readonly drivers: readonly DriverPlan[];
  readonly options: Partial<DriverOptions>;
  readonly streams: readonly StreamPlan[];
  readonly faults: ReadonlySet<Fault>;
  readonly faultNs: number;
}

const MS = 1e6;

export function planOf(seed: number): Plan {
  const prng = new Prng(seed);
  const pick = <T>(...values: readonly T[]): T => values[prng.nextBelow(values.length)]!;
  const chance = (probability: number): boolean => prng.nextFraction() < probability;
  const hostCount = pick(1, 2, 2, 2, 3);
  const addresses = Array.from({ length: hostCount }, (_, i) => 0x0a000001 + i);
  const isBypass = hostCount > 1 && chance(0.3);
  const options = optionsOf(pick, isBypass);
  const streams: StreamPlan[] = [];
  const streamCount = 1 + prng.nextBelow(4);
  for (let index = 0; index < streamCount; index++)
    streams.push(streamOf(index, isBypass, hostCount, addresses, pick, chance, prng));
  // Each seed has some of the faults: rare combinations come up that all of them together would hide.
  const share = pick(0, 0.15, 0.3, 0.5);
  const faults = new Set(FAULTS.filter(() => chance(share)));
  return {
    seed,
    stepNs: pick(20_000, 50_000, 100_000),
    hostCount,
    addresses,
    isBypass,
    readsAtFlush: chance(0.5),
    linkDelayNs: pick(5_000, 50_000, 200_000, 1_000_000),
    clientsPerHost: pick(1, 2, 2),
    drivers: addresses.map(() => driverOf(isBypass, pick)),
    options,
    streams,
    faults,
    faultNs: pick(300, 600, 1_200) * MS,
  };
}

function driverOf(isBypass: boolean, pick: <T>(...values: readonly T[]) => T): DriverPlan {
  const rate = (): number => pick(0.2, 0.6, 1);
  const threadingMode = pick<DriverPlan['threadingMode']>(
    'INVOKER',
    'INVOKER',
    'SHARED',
    'SHARED_NETWORK',
    'DEDICATED',
  );
  const isInvoked = threadingMode === 'INVOKER';
  const isThreaded = threadingMode === 'SHARED_NETWORK' || threadingMode === 'DEDICATED';
  return {
    threadingMode,
    // A card has one queue here.
    networkAgents: threadingMode === 'SHARED_NETWORK' && !isBypass ? pick(1, 2, 3) : 1,
    conductorRate: isInvoked ? 1 : rate(),
    threadRates: isThreaded ? [rate(), rate(), rate()] : [],
  };
}

function optionsOf(pick: <T>(...values: readonly T[]) => T, isBypass: boolean): Partial<DriverOptions> {
  const mtuLength = isBypass ? pick(256, 1408, 1472 - (1472 % 32)) : pick(128, 1408, 1408, 4096, 8192);
  const termBufferLength = pick(65_536, 65_536, 131_072, 1_048_576);
  const clientLivenessTimeoutNs = pick(300, 600) * MS;
  return {
    transport: 'kernel',
    conductorBufferLength: 65_536 + 768,
    clientsBufferLength: 65_536 + 128,
    countersBufferLength: 65_536,
    errorBufferLength: 65_536,
    lossReportBufferLength: 65_536,
    mtuLength,
    ipcMtuLength: pick(128, 1408, 8192),
    termBufferLength,
    ipcTermBufferLength: pick(65_536, 131_072),
    publicationTermWindowLength: pick(0, 0, 8192, 16_384),
    ipcPublicationTermWindowLength: pick(0, 0, 8192, 16_384),
    rcvInitialWindowLength: Math.max(mtuLength, pick(8192, 16_384, 32_768, 131_072)),
    socketSoRcvbuf: 131_072,
    clientLivenessTimeoutNs,
    driverTimeoutMs: pick(300, 600),
    timerIntervalNs: pick(5, 20, 50) * MS,
    countersFreeToReuseTimeoutNs: pick(0, 100) * MS,
    imageLivenessTimeoutNs: pick(200, 400, 800) * MS,
    publicationConnectionTimeoutNs: pick(200, 400) * MS,
    publicationLingerTimeoutNs: pick(20, 300, 600) * MS,
    publicationUnblockTimeoutNs: clientLivenessTimeoutNs + pick(50, 300) * MS,
    rcvStatusMessageTimeoutNs: pick(10, 50, 150) * MS,
    nakUnicastDelayNs: pick(1_000, 60_000, 500_000),
    retransmitUnicastDelayNs: pick(0, 0, 50_000),
    retransmitUnicastLingerNs: pick(100_000, 2 * MS, 10 * MS),
    sendToStatusPollRatio: pick(1, 6),
    networkPublicationMaxMessagesPerSend: pick(0, 1, 3),
    performStorageChecks: true,
    lowFileStoreWarningThreshold: 0,
  };
}

function kindOf(hostCount: number, isBypass: boolean, pick: <T>(...values: readonly T[]) => T): StreamKind {
  if (hostCount === 1) return pick('ipc', 'ipc', 'udp', 'spy');
  // A simulated card has no switch that knows of groups.
  return isBypass
    ? pick('udp', 'udp', 'ipc', 'spy', 'multi-destination-cast')
    : pick('udp', 'udp', 'udp', 'ipc', 'spy', 'multi-destination-cast', 'multicast');
}

/** What the stream is published and subscribed as. */
function channelsOf(kind: StreamKind, publisher: number, subscriber: number, port: number): [string, string] {
  const endpoint = `aeron:udp?endpoint=${formatIpv4(subscriber)}:${port}`;
  const control = `control=${formatIpv4(publisher)}:${port + 1_000}`;
  switch (kind) {
    case 'ipc':
      return ['aeron:ipc', 'aeron:ipc'];
    case 'udp':
      return [endpoint, endpoint];
    case 'spy':
      return [`${endpoint}|ssc=true`, `aeron-spy:${endpoint}`];
    case 'multi-destination-cast':
      return [
        `aeron:udp?${control}|control-mode=dynamic|fc=max`,
        `${endpoint}|${control}|control-mode=dynamic`,
      ];
    case 'multicast': {
      const group = `aeron:udp?endpoint=224.20.0.1:${port + 2_000}|interface=`;
      return [`${group}${formatIpv4(publisher)}`, `${group}${formatIpv4(subscriber)}`];
    }
  }
}

function streamOf(
  index: number,
  isBypass: boolean,
  hostCount: number,
  addresses: readonly number[],
  pick: <T>(...values: readonly T[]) => T,
  chance: (probability: number) => boolean,
  prng: Prng,
): StreamPlan {
  const kind = kindOf(hostCount, isBypass, pick);
  const publisherHost = prng.nextBelow(hostCount);
  const subscriberHost =
    kind === 'ipc' || kind === 'spy' ? publisherHost : (publisherHost + (hostCount > 1 ? 1 : 0)) % hostCount;
  const isExclusive = chance(0.5);
  const isReliable = kind === 'ipc' || kind === 'spy' || chance(0.8);
  // Streams of one kind may share an endpoint.
  const port = (kind === 'udp' || kind === 'spy' ? 20_000 : 24_000) + (chance(0.3) ? 0 : index);
  const [base, subscribed] = channelsOf(kind, addresses[publisherHost]!, addresses[subscriberHost]!, port);
  const parameters: string[] = [];
  if (chance(0.2)) parameters.push(`term-length=${pick(65_536, 131_072, 262_144)}`);
  const lingerMs = chance(0.3) ? pick(10, 300) : null;
  if (lingerMs !== null) parameters.push(`linger=${lingerMs}ms`);
  if (isExclusive && chance(0.3)) {
    const initialTermId = pick(0x7fffffff, -1, 0, 0x7ffffffe);
    const terms = pick(0, 1, 2, 3);
    parameters.push(`init-term-id=${initialTermId}`, `term-id=${(initialTermId + terms) | 0}`);
    parameters.push(`term-offset=${pick(0, 32, 64, 65_536 - 64, 65_536 - 32)}`);
  }
  const separator = kind === 'ipc' ? '?' : '|';
  const publicationChannel = parameters.length === 0 ? base : `${base}${separator}${parameters.join('|')}`;
  const subscriptionChannel = isReliable ? subscribed : `${subscribed}|reliable=false`;
  return {
    index,
    name: `${kind} stream ${index}`,
    kind,
    streamId: 1000 + index,
    publicationChannel,
    subscriptionChannel,
    isReliable,
    isExclusive,
    lingerMs,
    publisherHost,
    subscriberHost,
    publisherCount: isExclusive ? 1 : pick(1, 1, 2),
    subscriberCount: pick(1, 1, 2),
    messageLengths: pick('tiny', 'small', 'mixed', 'long'),
    offerRate: pick(0.02, 0.1, 0.5, 1),
    burst: pick(1, 3, 10),
    claimShare: pick(0, 0.2, 0.7),
  };
}

/** What a seed stands for: machines, settings, streams and faults. Nothing else of a run is drawn before it starts. */
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import { Prng } from '../../src/util/prng.ts';
import { StreamDraw, type StreamPlan } from './stream-plan.ts';

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
  'destination-churn',
  'slow-consumer',
] as const;

export type Fault = (typeof FAULTS)[number];

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
  /** What the router between cards speaks. */
  readonly igmpVersion: 2 | 3;
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
  const draw = new StreamDraw(prng, addresses);
  const streams = Array.from({ length: 1 + prng.nextBelow(4) }, (_, index) => draw.stream(index));
  // Each seed has some of the faults: rare combinations come up that all of them together would hide.
  const share = pick(0, 0.15, 0.3, 0.5);
  const faults = new Set(FAULTS.filter(() => chance(share)));
  return {
    seed,
    stepNs: pick(50_000, 100_000, 200_000),
    hostCount,
    addresses,
    isBypass,
    igmpVersion: pick(2, 3),
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
    untetheredWindowLimitTimeoutNs: pick(20, 100) * MS,
    untetheredLingerTimeoutNs: pick(5, 50) * MS,
    untetheredRestingTimeoutNs: pick(20, 200) * MS,
    cubicMeasureRtt: pick(true, false),
    cubicTcpMode: pick(true, false),
    performStorageChecks: true,
    lowFileStoreWarningThreshold: 0,
  };
}

import { readFileSync } from 'node:fs';
import {
  CONTROL_PROTOCOL_VERSION,
  CounterType,
  SYSTEM_COUNTERS,
  SystemCounter,
  systemCounterKey,
} from '../cnc/counter-types.ts';
import type { CountersManager } from '../concurrent/counters.ts';
import { formatDuration } from '../uri/units.ts';
import type { DriverOptions } from './driver-options.ts';

const NO_OWNER = -1;

/** Allocates the counters that every driver has: each has the id that says what it is. */
export function allocateSystemCounters(counters: CountersManager, options: DriverOptions): void {
  const version = packageVersion();
  const details = labelDetails(options, version);
  for (const { id, label } of SYSTEM_COUNTERS) {
    counters.allocate({
      typeId: CounterType.SYSTEM,
      label: `${label}${details.get(id) ?? ''}`,
      key: systemCounterKey(id),
      registrationId: id,
      ownerId: NO_OWNER,
    });
  }
  counters.setValue(SystemCounter.AERON_VERSION, composeVersion(version));
  counters.setValue(SystemCounter.CONTROL_PROTOCOL_VERSION, CONTROL_PROTOCOL_VERSION);
}

/** What stands behind the official beginnings of some labels. */
function labelDetails(options: DriverOptions, version: string): ReadonlyMap<number, string> {
  const mode = options.threadingMode;
  const threshold = (ns: number): string => `threshold=${formatDuration(ns)}`;
  const software = `: version=${version} commit=aeron-bypass`;
  const {
    CONDUCTOR_MAX_CYCLE_TIME,
    CONDUCTOR_CYCLE_TIME_THRESHOLD_EXCEEDED,
    SENDER_MAX_CYCLE_TIME,
    SENDER_CYCLE_TIME_THRESHOLD_EXCEEDED,
    RECEIVER_MAX_CYCLE_TIME,
    RECEIVER_CYCLE_TIME_THRESHOLD_EXCEEDED,
  } = SystemCounter;
  return new Map([
    [SystemCounter.ERRORS, software],
    [SystemCounter.RESOLUTION_CHANGES, `: driverName=${options.resolverName || null}`],
    [CONDUCTOR_MAX_CYCLE_TIME, `: ${mode}`],
    [CONDUCTOR_CYCLE_TIME_THRESHOLD_EXCEEDED, `: ${threshold(options.conductorCycleThresholdNs)} ${mode}`],
    [SENDER_MAX_CYCLE_TIME, `: ${mode}`],
    [SENDER_CYCLE_TIME_THRESHOLD_EXCEEDED, `: ${threshold(options.senderCycleThresholdNs)} ${mode}`],
    [RECEIVER_MAX_CYCLE_TIME, `: ${mode}`],
    [RECEIVER_CYCLE_TIME_THRESHOLD_EXCEEDED, `: ${threshold(options.receiverCycleThresholdNs)} ${mode}`],
    [SystemCounter.NAME_RESOLVER_TIME_THRESHOLD_EXCEEDED, `: ${threshold(options.nameResolverThresholdNs)}`],
    [SystemCounter.AERON_VERSION, software],
  ]);
}

function packageVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** Major, minor and patch in a byte each. */
function composeVersion(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  return (major << 16) | (minor << 8) | patch;
}

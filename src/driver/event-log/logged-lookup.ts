import type { Clock } from '../../concurrent/clock.ts';
import type { HostLookup } from '../conductor/name-resolver.ts';
import type { EventLog } from './event-log.ts';

/** A look-up of host names that says what it found, and how long it took. `resolver` is what it is called. */
export function loggedLookup(
  lookup: HostLookup,
  eventLog: EventLog,
  clock: Clock,
  resolver: string,
): HostLookup {
  return (name, callback) => {
    const startNs = clock.nanoTime;
    lookup(name, (reason, address) => {
      const durationNs = clock.nanoTime - startNs;
      const found = reason === null ? { address } : { error: reason };
      eventLog.record('NAME_RESOLUTION_RESOLVE', { resolver, durationNs, name, ...found });
      callback(reason, address);
    });
  };
}

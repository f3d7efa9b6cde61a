import { ConfigurationError } from '../util/errors.ts';
import {
  BackoffIdleStrategy,
  BusySpinIdleStrategy,
  ControllableIdleStrategy,
  NoOpIdleStrategy,
  SleepingIdleStrategy,
  YieldingIdleStrategy,
} from './idle-strategies.ts';

export {
  BackoffIdleStrategy,
  BusySpinIdleStrategy,
  ControllableIdleStrategy,
  NoOpIdleStrategy,
  SleepingIdleStrategy,
  YieldingIdleStrategy,
} from './idle-strategies.ts';

/**
 * What a thread does between duty cycles that found nothing to do. An instance belongs to one thread.
 */
export interface IdleStrategy {
  /** The name it has in configuration. */
  readonly alias: string;
  /**
   * Called after every duty cycle; idles when `workCount` is 0 (or less). May block the thread, at most for
   * its longest park.
   */
  idle(workCount: number): void;
  /** Starts over, as after a duty cycle that found work. */
  reset(): void;
}

/** The names {@link createIdleStrategy} knows. */
export const IDLE_STRATEGY_NAMES: readonly string[] = [
  'noop',
  'spin',
  'yield',
  'sleep-ns',
  'sleeping',
  'sleep-ms',
  'backoff',
  'controllable',
];

/**
 * Makes the strategy that configuration names.
 *
 * @param initArgs for `sleep-ns`: the period in ns; for `backoff`: `maxSpins-maxYields-minParkNs-maxParkNs`, of
 *   which missing ones are 30, 0, 1000 and 1000000.
 * @param status the counter that `controllable` obeys.
 * @throws ConfigurationError when the name or its arguments are not known.
 */
export function createIdleStrategy(
  name: string,
  initArgs = '',
  status: { getVolatile(): number } | null = null,
): IdleStrategy {
  switch (name) {
    case 'noop':
      return new NoOpIdleStrategy();
    case 'spin':
      return new BusySpinIdleStrategy();
    case 'yield':
      return new YieldingIdleStrategy();
    case 'sleep-ns':
    case 'sleeping': {
      const [periodNs = 1_000] = parseArguments(name, initArgs, 1);
      return new SleepingIdleStrategy(periodNs, name);
    }
    case 'sleep-ms':
      return new SleepingIdleStrategy(1_000_000, name);
    case 'backoff': {
      const [maxSpins, maxYields, minParkNs, maxParkNs] = parseArguments(name, initArgs, 4);
      return new BackoffIdleStrategy(maxSpins, maxYields, minParkNs, maxParkNs);
    }
    case 'controllable':
      if (status === null)
        throw new ConfigurationError('idle strategy "controllable" needs the counter it obeys');
      return new ControllableIdleStrategy(status);
    default:
      throw new ConfigurationError(
        `idle strategy "${name}" is not known. Use one of: ${IDLE_STRATEGY_NAMES.join(', ')}.`,
      );
  }
}

/** Up to `count` integers of 0 to one second, separated by `-`; none when `text` is empty. */
function parseArguments(name: string, text: string, count: number): number[] {
  if (text === '') return [];
  const numbers = text.split('-').map(Number);
  if (numbers.length > count || numbers.some((n) => !Number.isInteger(n) || n < 0 || n > 1e9)) {
    throw new ConfigurationError(
      `arguments "${text}" of idle strategy "${name}": expected at most ${count} integers from 0 to 1000000000, ` +
        'separated by "-".',
    );
  }
  return numbers;
}

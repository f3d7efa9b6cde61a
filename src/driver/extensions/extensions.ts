import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Clock } from '../../concurrent/clock.ts';
import type { CountersManager } from '../../concurrent/counters.ts';
import {
  createIdleStrategy,
  IDLE_STRATEGY_NAMES,
  type IdleStrategy,
} from '../../concurrent/idle-strategy.ts';
import type { IncomingInterceptor, OutgoingInterceptor } from '../../transport/interceptors.ts';
import type { Transport } from '../../transport/transport.ts';
import type { TransportStatistics } from '../../transport/transport-statistics.ts';
import { ConfigurationError, messageOf } from '../../util/errors.ts';
import type { HostLookup } from '../conductor/name-resolver.ts';
import {
  CONGESTION_CONTROL,
  type CongestionControlSupplier,
} from '../congestion/congestion-control-supplier.ts';
import { FLOW_CONTROL, type FlowControlSupplier } from '../flow/flow-control-supplier.ts';
import { csvTableLookup } from '../names/csv-table.ts';
import { fixedLossInterceptor, lossInterceptor, multiGapLossInterceptor } from './loss-arguments.ts';

/**
 * Makes an interceptor for one network agent, or `null` for a direction it has nothing to do with: to configure it there
 * is refused then. `initArgs` are those of its setting, `''` for a name that has none.
 */
export interface InterceptorSupplier {
  readonly incoming: ((initArgs: string, clock: Clock) => IncomingInterceptor) | null;
  readonly outgoing: ((initArgs: string, clock: Clock) => OutgoingInterceptor) | null;
}

/** Opens the wire of one network agent, on the agent's thread. It may keep statistics, for counters. */
export type TransportSupplier = (
  clock: Clock,
) => Promise<Transport & { readonly statistics?: TransportStatistics }>;

/** Makes an idle strategy for one thread; `status` is the counter that `controllable` obeys. */
export type IdleStrategySupplier = (
  initArgs: string,
  status: { getVolatile(): number } | null,
) => IdleStrategy;

/** Whether a client that sent `token` may end the driver of an Aeron directory. */
export type TerminationValidator = (directory: string, token: Uint8Array) => boolean;

/**
 * Makes what looks host names up. Names that it does not know it hands to `lookup`, the system's. It calls back at once or
 * later, with an IPv4 address as text or the reason why there is none. `counters` are the driver's.
 */
export type NameResolverSupplier = (
  initArgs: string,
  lookup: HostLookup,
  counters: CountersManager,
) => HostLookup;

/** What can be registered by name, and what each is. */
export interface ExtensionPoints {
  flowControl: FlowControlSupplier;
  congestionControl: CongestionControlSupplier;
  interceptor: InterceptorSupplier;
  transport: TransportSupplier;
  idleStrategy: IdleStrategySupplier;
  nameResolver: NameResolverSupplier;
  terminationValidator: TerminationValidator;
}

/** What a module of `aeron.driver.dynamic.libraries` exports. */
export interface ExtensionModule {
  /** Called once in every isolate of the driver: here the module registers what it has. */
  register(extensions: Extensions): void;
}

/** Makes by name what configuration names: what the driver brings along, and what modules registered. */
export class Extensions {
  private readonly known: { readonly [Point in keyof ExtensionPoints]: Map<string, ExtensionPoints[Point]> } =
    {
      flowControl: new Map(Object.entries(FLOW_CONTROL)),
      congestionControl: new Map(Object.entries(CONGESTION_CONTROL)),
      interceptor: new Map(),
      transport: new Map(),
      idleStrategy: new Map(),
      nameResolver: new Map(),
      terminationValidator: new Map(),
    };

  /** Those the driver brings along. */
  constructor() {
    this.register('interceptor', 'loss', { incoming: lossInterceptor, outgoing: null });
    this.register('interceptor', 'fixed-loss', { incoming: fixedLossInterceptor, outgoing: null });
    this.register('interceptor', 'multi-gap-loss', { incoming: multiGapLossInterceptor, outgoing: null });
    for (const name of IDLE_STRATEGY_NAMES) {
      this.register('idleStrategy', name, (args, status) => createIdleStrategy(name, args, status));
    }
    for (const name of ['default', 'aeron_default_name_resolver_supplier']) {
      this.register('nameResolver', name, (_args, lookup) => lookup);
    }
    for (const name of ['csv_table', 'aeron_csv_table_name_resolver_supplier']) {
      this.register('nameResolver', name, (table, lookup, counters) =>
        csvTableLookup(table, counters, lookup),
      );
    }
    for (const name of ['allow', 'io.aeron.driver.DefaultAllowTerminationValidator']) {
      this.register('terminationValidator', name, () => true);
    }
    for (const name of ['deny', 'io.aeron.driver.DefaultDenyTerminationValidator']) {
      this.register('terminationValidator', name, () => false);
    }
  }

  /**
   * Gives `extension` a name of its kind.
   * @throws ConfigurationError when the name is taken.
   */
  register<Point extends keyof ExtensionPoints>(
    point: Point,
    name: string,
    extension: ExtensionPoints[Point],
  ): void {
    if (this.known[point].has(name)) {
      throw new ConfigurationError(`${point} "${name}" is registered already: choose another name.`);
    }
    this.known[point].set(name, extension);
  }

  /** @throws ConfigurationError when nothing of this kind has the name. */
  get<Point extends keyof ExtensionPoints>(point: Point, name: string): ExtensionPoints[Point] {
    const found = this.known[point].get(name);
    if (found !== undefined) return found;
    const names = [...this.known[point].keys()].join(', ');
    throw new ConfigurationError(
      `could not find ${point} ${name}, there is ${names === '' ? 'none' : names}. Correct the name, or register it in a ` +
        'module of AERON_DRIVER_DYNAMIC_LIBRARIES.',
    );
  }
}

/**
 * What the driver has, and what ES modules at these paths register, the first first.
 * @throws ConfigurationError when a module cannot be loaded or registers a name that is taken.
 */
export async function loadExtensions(modulePaths: readonly string[]): Promise<Extensions> {
  const extensions = new Extensions();
  for (const path of modulePaths) {
    try {
      const module = (await import(pathToFileURL(resolve(path)).href)) as Partial<ExtensionModule>;
      if (typeof module.register !== 'function') throw new Error('it exports no function "register"');
      module.register(extensions);
    } catch (error) {
      throw new ConfigurationError(
        `AERON_DRIVER_DYNAMIC_LIBRARIES: module ${path} cannot be used: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
  return extensions;
}

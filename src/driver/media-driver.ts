import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CncFile, LOSS_REPORT_FILE } from '../cnc/cnc-file.ts';
import { SystemCounter } from '../cnc/counter-types.ts';
import { ErrorCode } from '../cnc/error-codes.ts';
import { AgentRunner } from '../concurrent/agent-runner.ts';
import { AtomicCounter } from '../concurrent/atomic-counter.ts';
import { SystemClock } from '../concurrent/clock.ts';
import { CountersManager } from '../concurrent/counters.ts';
import { DistinctErrorLog } from '../concurrent/distinct-error-log.ts';
import { createIdleStrategy, type IdleStrategy } from '../concurrent/idle-strategy.ts';
import { Region } from '../memory/region.ts';
import { shm } from '../native/addons.ts';
import { align } from '../util/bits.ts';
import { messageOf } from '../util/errors.ts';
import { Conductor } from './conductor/conductor.ts';
import { DutyCycleTracker } from './conductor/duty-cycle-tracker.ts';
import { ErrorReporter } from './conductor/error-reporter.ts';
import { EventTransmitter } from './conductor/event-transmitter.ts';
import { LogStore } from './conductor/log-store.ts';
import { kernelAddresses, NameResolver, systemLookup } from './conductor/name-resolver.ts';
import { formatConfiguration, loadConfiguration, validate } from './configuration.ts';
import { prepareDirectory } from './driver-directory.ts';
import type { DriverOptions } from './driver-options.ts';
import { networkAgentConfig, transportKind } from './network-agent-config.ts';
import type { RunningNetwork } from './network-link.ts';
import { SameIsolateNetwork } from './same-isolate-network.ts';
import { allocateSystemCounters } from './system-counters.ts';
import { WorkerNetwork } from './worker-network.ts';

/** What a driver shares with its clients, and what its parts share. */
class DriverFiles {
  readonly cnc: CncFile;
  readonly lossReport: Region;
  readonly clock: SystemClock = new SystemClock();
  readonly counters: CountersManager;
  readonly errors: ErrorReporter;

  constructor(options: DriverOptions) {
    this.cnc = CncFile.create(options.dir, {
      toDriverLength: options.conductorBufferLength,
      toClientsLength: options.clientsBufferLength,
      countersValuesLength: options.countersBufferLength,
      errorLogLength: options.errorBufferLength,
      clientLivenessTimeoutNs: options.clientLivenessTimeoutNs,
      startTimestampMs: this.clock.epochMs,
      pid: process.pid,
      filePageSize: options.filePageSize,
    });
    const lossReportLength = align(options.lossReportBufferLength, options.filePageSize);
    this.lossReport = Region.create(join(options.dir, LOSS_REPORT_FILE), lossReportLength);
    this.counters = new CountersManager(
      this.cnc.countersMetadata,
      this.cnc.countersValues,
      this.clock,
      options.countersFreeToReuseTimeoutNs / 1e6,
    );
    allocateSystemCounters(this.counters, options);
    const { region, offset, length } = this.cnc.errorLog;
    const errorLog = new DistinctErrorLog(region, offset, length);
    this.errors = new ErrorReporter(errorLog, this.systemCounter(SystemCounter.ERRORS), this.clock);
    this.counters.setValue(SystemCounter.BYTES_CURRENTLY_MAPPED, region.byteLength + lossReportLength);
  }

  readonly systemCounter = (id: number): AtomicCounter => {
    const { region, offset } = this.cnc.countersValues;
    return new AtomicCounter(region, offset, id);
  };

  /** Lets clients in. The first id is taken here, so that theirs start at 1. */
  publish(): void {
    this.cnc.toDriver.nextCorrelationId();
    this.clock.update();
    this.cnc.toDriver.setConsumerHeartbeatMs(this.clock.epochMs);
    this.cnc.publishVersion();
  }

  /** Tells clients that the driver is gone. */
  close(): void {
    this.cnc.toDriver.setConsumerHeartbeatMs(-1);
    this.lossReport.close();
    this.cnc.close();
  }
}

/** A media driver in this process: a conductor here, and a network agent here or in a thread of its own. */
export class MediaDriver {
  /** The Aeron directory. */
  readonly directory: string;
  /**
   * Resolves when a client has asked the driver to end, and may; the owner calls {@link close} then. Rejects when the
   * network thread has failed: the driver has closed itself then.
   */
  readonly terminated: Promise<void>;
  private readonly options: DriverOptions;
  private readonly files: DriverFiles;
  private readonly network: RunningNetwork;
  private readonly conductor: Conductor;
  private readonly runner: AgentRunner | null;
  private closing: Promise<void> | null = null;

  private constructor(
    options: DriverOptions,
    files: DriverFiles,
    network: RunningNetwork,
    conductor: Conductor,
    runner: AgentRunner | null,
    terminated: Promise<void>,
  ) {
    this.directory = options.dir;
    this.options = options;
    this.files = files;
    this.network = network;
    this.conductor = conductor;
    this.runner = runner;
    this.terminated = terminated;
  }

  /**
   * Starts a driver. Settings that are not given come from the environment and the defaults.
   * @throws ConfigurationError for settings that cannot work together; AeronError `DRIVER_ACTIVE` when another driver has
   * the directory, or the code of the transport when that cannot be opened. Nothing is left behind then.
   */
  static async launch(given: Partial<DriverOptions> = {}): Promise<MediaDriver> {
    const options = validate({ ...loadConfiguration({ env: process.env }), ...given });
    await prepareDirectory(options, new SystemClock());
    const files = new DriverFiles(options);
    const { promise, resolve, reject } = withResolvers();
    promise.catch(() => {}); // Whoever awaits `terminated` hears of it; that nobody does is no error.
    let network: RunningNetwork;
    try {
      network = await startNetwork(options, files, (error) => reject(error));
    } catch (error) {
      files.close();
      rmSync(options.dir, { recursive: true, force: true });
      throw error;
    }
    const conductor = newConductor(options, files, network, resolve);
    const runner = newRunner(options, files, network, conductor);
    const driver = new MediaDriver(options, files, network, conductor, runner, promise);
    promise.catch((error: unknown) => {
      files.errors.record(ErrorCode.GENERIC_ERROR, messageOf(error));
      void driver.close();
    });
    files.publish();
    await runner?.start();
    if (options.conductorCpuAffinity >= 0 && runner !== null) shm.pin(options.conductorCpuAffinity);
    if (options.printConfiguration) process.stdout.write(formatConfiguration(options));
    return driver;
  }

  /**
   * One duty cycle, for INVOKER; in the other modes the driver runs by itself and this throws.
   * Returns how much was done, 0 when there was nothing to do.
   */
  doWork(): number {
    if (this.runner !== null) {
      throw new Error(`the driver runs by itself in threading mode ${this.options.threadingMode}`);
    }
    if (this.closing !== null) return 0;
    try {
      return this.network.doWork() + this.conductor.doWork();
    } catch (error) {
      this.files.errors.record(ErrorCode.GENERIC_ERROR, messageOf(error));
      return 0;
    }
  }

  /** Ends the driver: streams and endpoints are closed, clients told. Any number of calls. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    await this.runner?.close();
    await this.network.close();
    this.conductor.close();
    this.files.close();
    if (this.options.dirDeleteOnShutdown) rmSync(this.directory, { recursive: true, force: true });
  }
}

function withResolvers(): {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
} {
  let resolve: () => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

function startNetwork(
  options: DriverOptions,
  files: DriverFiles,
  onFailure: (error: Error) => void,
): Promise<RunningNetwork> {
  const config = networkAgentConfig(options, files.cnc, files.lossReport, randomInt32);
  if (options.threadingMode === 'SHARED' || options.threadingMode === 'INVOKER') {
    return SameIsolateNetwork.start(config);
  }
  const { senderCpuAffinity, receiverCpuAffinity } = options;
  // Who asks for a sender thread says with its strategy how the network is to be polled.
  const isDedicated = options.threadingMode === 'DEDICATED';
  return WorkerNetwork.start({
    config,
    idleStrategy: isDedicated ? options.senderIdleStrategy : options.sharedNetworkIdleStrategy,
    idleStrategyInitArgs: isDedicated
      ? options.senderIdleStrategyInitArgs
      : options.sharedNetworkIdleStrategyInitArgs,
    cpu: senderCpuAffinity >= 0 ? senderCpuAffinity : receiverCpuAffinity,
    onFailure,
  });
}

function newConductor(
  options: DriverOptions,
  files: DriverFiles,
  network: RunningNetwork,
  terminate: () => void,
): Conductor {
  const { cnc, clock, counters, errors, systemCounter } = files;
  const lookups = new DutyCycleTracker(
    systemCounter(SystemCounter.NAME_RESOLVER_MAX_TIME),
    systemCounter(SystemCounter.NAME_RESOLVER_TIME_THRESHOLD_EXCEEDED),
    options.nameResolverThresholdNs,
  );
  const dpdkAddress = options.dpdkLocalIpv4Address;
  return new Conductor(
    {
      options,
      clock,
      cnc,
      counters,
      events: new EventTransmitter(cnc),
      errors,
      network,
      logs: new LogStore(options, errors, systemCounter(SystemCounter.BYTES_CURRENTLY_MAPPED)),
      names: new NameResolver(systemLookup, {
        begin: () => clock.nanoTime,
        end: (startNs) => lookups.report(clock.nanoTime - startNs),
      }),
      localAddresses: () =>
        transportKind(options) === 'dpdk' && dpdkAddress !== null
          ? [{ name: `dpdk${options.dpdkPortId}`, address: dpdkAddress.address }]
          : kernelAddresses(),
      maxDatagramLength: network.maxDatagramLength,
      randomInt32,
      systemCounter,
    },
    () => {
      if (options.driverTerminationValidator === 'allow') terminate();
    },
  );
}

/** `null` in INVOKER mode. */
function newRunner(
  options: DriverOptions,
  files: DriverFiles,
  network: RunningNetwork,
  conductor: Conductor,
): AgentRunner | null {
  if (options.threadingMode === 'INVOKER') return null;
  const isShared = options.threadingMode === 'SHARED';
  const agent = isShared
    ? { roleName: '[sender, receiver, conductor]', doWork: () => network.doWork() + conductor.doWork() }
    : conductor;
  const name = isShared ? options.sharedIdleStrategy : options.conductorIdleStrategy;
  const initArgs = isShared ? options.sharedIdleStrategyInitArgs : options.conductorIdleStrategyInitArgs;
  return new AgentRunner(agent, {
    idleStrategy: mainIdleStrategy(name, initArgs, files),
    errorHandler: (error) => files.errors.record(ErrorCode.GENERIC_ERROR, messageOf(error)),
  });
}

/** The main isolate's thread is the application's too: to back off means to let its event loop go on. */
function mainIdleStrategy(name: string, initArgs: string, files: DriverFiles): IdleStrategy | 'event-loop' {
  if (name === 'backoff' && initArgs === '') return 'event-loop';
  return createIdleStrategy(name, initArgs, files.systemCounter(SystemCounter.CONTROLLABLE_IDLE_STRATEGY));
}

function randomInt32(): number {
  return randomBytes(4).readInt32LE();
}

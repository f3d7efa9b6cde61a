import { SystemCounter } from '../cnc/counter-types.ts';
import { ErrorCode } from '../cnc/error-codes.ts';
import type { Agent } from '../concurrent/agent.ts';
import { AgentRunner } from '../concurrent/agent-runner.ts';
import type { Clock } from '../concurrent/clock.ts';
import type { IdleStrategy } from '../concurrent/idle-strategy.ts';
import { shm } from '../native/addons.ts';
import { dpdkLender } from '../transport/bypass/dpdk-lender.ts';
import type { TransportStatistics } from '../transport/transport-statistics.ts';
import { AeronError, codeOf, messageOf } from '../util/errors.ts';
import { AgentSharing } from './agent-sharing.ts';
import { changeUser } from './change-user.ts';
import { Conductor } from './conductor/conductor.ts';
import { DutyCycleTracker } from './conductor/duty-cycle-tracker.ts';
import { EventTransmitter, LoggedEventTransmitter } from './conductor/event-transmitter.ts';
import { LogStore } from './conductor/log-store.ts';
import { type HostLookup, NameResolver } from './conductor/name-resolver.ts';
import { formatConfiguration, loadConfiguration, validate } from './configuration.ts';
import { parseDpdkIpv6 } from './dpdk-ipv6.ts';
import { dpdkPorts } from './dpdk-ports.ts';
import { DriverAgent } from './driver-agent.ts';
import { prepareDirectory } from './driver-directory.ts';
import { DriverFiles } from './driver-files.ts';
import { type DriverMachine, THIS_DRIVER_MACHINE } from './driver-machine.ts';
import type { DriverOptions } from './driver-options.ts';
import { type EventLog, openEventLog } from './event-log/event-log.ts';
import { loggedLookup } from './event-log/logged-lookup.ts';
import { type Extensions, loadExtensions } from './extensions/extensions.ts';
import { checkedOptions } from './given-options.ts';
import type { NetworkAgentConfig } from './messages.ts';
import { DriverNameResolver } from './names/driver-name-resolver.ts';
import { eventLogConfig, lendingPort, networkAgentConfig, transportKind } from './network-agent-config.ts';
import { NetworkAgents, RECEIVER } from './network-agents.ts';
import type { NetworkThreadOptions, RunningNetwork } from './network-link.ts';
import { SameIsolateNetwork } from './same-isolate-network.ts';

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
  private readonly machine: DriverMachine;
  private readonly files: DriverFiles;
  private readonly network: RunningNetwork;
  private readonly conductor: Conductor;
  private readonly agent: Agent;
  /** Null in INVOKER mode. */
  private readonly runner: AgentRunner | null;
  private closing: Promise<void> | null = null;

  private constructor(
    options: DriverOptions,
    machine: DriverMachine,
    files: DriverFiles,
    network: RunningNetwork,
    conductor: Conductor,
    agent: Agent,
    runner: AgentRunner | null,
    terminated: Promise<void>,
  ) {
    this.directory = options.dir;
    this.options = options;
    this.machine = machine;
    this.files = files;
    this.network = network;
    this.conductor = conductor;
    this.agent = agent;
    this.runner = runner;
    this.terminated = terminated;
  }

  /**
   * Starts a driver. Settings that are not given have their defaults; `loadConfiguration` reads the environment.
   * @throws ConfigurationError for settings that there are not, that cannot be or that cannot work together; AeronError
   * `DRIVER_ACTIVE` when another driver has the directory, or the code of the transport when that cannot be opened. Nothing is
   * left behind then.
   * @param machine - what it runs on; a simulated one for tests, for instance.
   */
  static async launch(
    given: Partial<DriverOptions> = {},
    machine: DriverMachine = THIS_DRIVER_MACHINE,
  ): Promise<MediaDriver> {
    const options = validate({ ...loadConfiguration(), ...checkedOptions(given) });
    const extensions = await loadExtensions(options.driverDynamicLibraries);
    const terminationValidator = extensions.get('terminationValidator', options.driverTerminationValidator);
    checkSuppliers(options, extensions);
    await prepareDirectory(options, machine);
    const files = makeFiles(options, machine);
    const { promise, resolve, reject } = withResolvers();
    promise.catch(() => {}); // Whoever awaits `terminated` hears of it; that nobody does is no error.
    let network: RunningNetwork | null = null;
    let driver: MediaDriver;
    try {
      network = await startNetwork(options, machine, extensions, files, reject);
      const conductor = newConductor(options, machine, extensions, files, network, (token) => {
        if (terminationValidator(options.dir, token)) resolve();
      });
      const roleName = runsHere(options) ? '[sender, receiver, conductor]' : 'conductor';
      const agent = new DriverAgent(roleName, network, conductor, files.errors);
      const runner =
        options.threadingMode === 'INVOKER' ? null : newRunner(options, machine, extensions, files, agent);
      // Now that the network thread is there: it would have inherited the CPU.
      if (options.conductorCpuAffinity >= 0 && runner !== null) shm.pin(options.conductorCpuAffinity);
      changeUser({ user: options.dpdkUser, group: options.dpdkGroup }, options.dir);
      driver = new MediaDriver(options, machine, files, network, conductor, agent, runner, promise);
    } catch (error) {
      await network?.close();
      files.close();
      machine.files.remove(options.dir);
      throw error;
    }
    promise.catch((error: unknown) => {
      files.errors.record(ErrorCode.GENERIC_ERROR, messageOf(error));
      void driver.close();
    });
    files.publish();
    await driver.runner?.start();
    if (options.printConfiguration) process.stderr.write(formatConfiguration(options));
    return driver;
  }

  /**
   * One duty cycle, for INVOKER; in the other modes the driver runs by itself and this throws. Host names are looked up
   * by the event loop, so the caller gives it a turn now and then.
   * Returns how much was done, 0 when there was nothing to do.
   */
  doWork(): number {
    if (this.runner !== null) {
      throw new Error(`the driver runs by itself in threading mode ${this.options.threadingMode}`);
    }
    return this.closing === null ? this.agent.doWork() : 0;
  }

  /** The driver's time; in INVOKER mode {@link doWork} brings it up to date, for others on the thread to use. */
  get clock(): Clock {
    return this.files.clock;
  }

  /** What went over the wire, where the network agent shares this isolate (SHARED, INVOKER); else `null`. */
  get transportStatistics(): TransportStatistics | null {
    return this.network.transportStatistics;
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
    if (this.options.dirDeleteOnShutdown) this.machine.files.remove(this.directory);
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

function makeFiles(options: DriverOptions, machine: DriverMachine): DriverFiles {
  try {
    return new DriverFiles(options, machine.newClock(), machine.files, machine.processId);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    // Two drivers found the directory free at the same time, and the other one was first.
    throw new AeronError('DRIVER_ACTIVE', `another media driver has just started in ${options.dir}`, {
      cause: error,
    });
  }
}

function startNetwork(
  options: DriverOptions,
  machine: DriverMachine,
  extensions: Extensions,
  files: DriverFiles,
  onFailure: (error: Error) => void,
): Promise<RunningNetwork> {
  const configOf = (sharing: AgentSharing | null, index: number): NetworkAgentConfig =>
    networkAgentConfig(options, files.cnc, files.lossReport, machine.randomInt32, sharing, index);
  if (runsHere(options))
    return SameIsolateNetwork.start(configOf(null, 0), files.clock, machine.openTransport, extensions);
  if (hasReceiverThread(options)) {
    const sharing = new AgentSharing(2, files, false);
    const startRole = (index: number): Promise<RunningNetwork> =>
      startThread(options, machine, files, configOf(sharing, index), onFailure);
    return NetworkAgents.start(sharing, files.clock, startRole, true);
  }
  const count = options.networkAgents;
  if (count === 1) return startThread(options, machine, files, configOf(null, 0), onFailure);
  const sharing = new AgentSharing(count, files);
  return NetworkAgents.start(sharing, files.clock, (index) =>
    startThread(options, machine, files, configOf(sharing, index), onFailure),
  );
}

/**
 * Whether the receiver has a thread of its own: DEDICATED over kernel sockets. Queues of a DPDK port send and receive, so
 * there, and where several network threads are asked for, each thread is sender and receiver.
 */
function hasReceiverThread(options: DriverOptions): boolean {
  return (
    options.threadingMode === 'DEDICATED' &&
    options.networkAgents === 1 &&
    options.udpChannelTransportBindingsMedia === 'default' &&
    transportKind(options) === 'kernel'
  );
}

/** What network thread `index` is called, where it runs and how it idles. */
function threadOf(
  options: DriverOptions,
  index: number,
  isOneOfSeveral: boolean,
): Pick<NetworkThreadOptions, 'name' | 'cpu' | 'idleStrategy' | 'idleStrategyInitArgs'> {
  const { senderCpuAffinity, receiverCpuAffinity } = options;
  if (hasReceiverThread(options) && index === RECEIVER) {
    return {
      name: 'aeron-receiver',
      cpu: receiverCpuAffinity,
      idleStrategy: options.receiverIdleStrategy,
      idleStrategyInitArgs: options.receiverIdleStrategyInitArgs,
    };
  }
  // Who asks for a sender thread says with its strategy how the network is to be polled.
  const isDedicated = options.threadingMode === 'DEDICATED';
  const idle = {
    idleStrategy: isDedicated ? options.senderIdleStrategy : options.sharedNetworkIdleStrategy,
    idleStrategyInitArgs: isDedicated
      ? options.senderIdleStrategyInitArgs
      : options.sharedNetworkIdleStrategyInitArgs,
  };
  if (hasReceiverThread(options)) return { name: 'aeron-sender', cpu: senderCpuAffinity, ...idle };
  const firstCpu = senderCpuAffinity >= 0 ? senderCpuAffinity : receiverCpuAffinity;
  const name = isOneOfSeveral ? `aeron-net-${index}` : 'aeron-network';
  return { name, cpu: firstCpu < 0 ? -1 : firstCpu + index, ...idle };
}

function startThread(
  options: DriverOptions,
  machine: DriverMachine,
  files: DriverFiles,
  config: NetworkAgentConfig,
  onFailure: (error: Error) => void,
): Promise<RunningNetwork> {
  return machine.startNetworkThread({
    config,
    clock: files.clock,
    ...threadOf(options, config.place?.index ?? 0, config.place !== null),
    startTimeoutNs: options.networkStartTimeoutNs,
    onFailure,
  });
}

function newConductor(
  options: DriverOptions,
  machine: DriverMachine,
  extensions: Extensions,
  files: DriverFiles,
  network: RunningNetwork,
  onTerminate: (token: Uint8Array) => void,
): Conductor {
  const { cnc, clock, counters, errors, systemCounter } = files;
  const lookups = new DutyCycleTracker(
    clock,
    systemCounter(SystemCounter.NAME_RESOLVER_MAX_TIME),
    systemCounter(SystemCounter.NAME_RESOLVER_TIME_THRESHOLD_EXCEEDED),
    options.nameResolverThresholdNs,
  );
  const dpdkIpv6 = parseDpdkIpv6(options);
  const eventLog = openEventLog(eventLogConfig(options), clock);
  const { lookup, driverNames } = nameLookup(options, machine, extensions, files, network, eventLog);
  const portId = lendingPort(options);
  const lender = portId === null ? null : dpdkLender(portId);
  return new Conductor(
    {
      options,
      clock,
      cnc,
      counters,
      events: eventLog === null ? new EventTransmitter(cnc) : new LoggedEventTransmitter(cnc, eventLog),
      ...(eventLog === null ? {} : { eventLog }),
      errors,
      network,
      files: machine.files,
      logs: new LogStore(options, errors, systemCounter, machine.files, lender),
      names: new NameResolver(lookup, {
        begin: () => clock.nanoTime,
        end: (startNs) => lookups.report(clock.nanoTime - startNs),
      }),
      driverNames,
      localAddresses: () =>
        transportKind(options) === 'dpdk'
          ? [
              ...dpdkPorts(options).flatMap(({ portId, address, furtherAddresses }) =>
                [address, ...furtherAddresses.map((further) => further.address)]
                  .filter((own) => own !== 0)
                  .map((own) => ({ name: `dpdk${portId}`, address: own })),
              ),
              ...(dpdkIpv6?.addresses ?? []).map(({ address }) => ({
                name: `dpdk${options.dpdkPortId}`,
                address,
              })),
            ]
          : machine.localAddresses(),
      maxDatagramLength: network.maxDatagramLength,
      randomInt32: machine.randomInt32,
      systemCounter,
    },
    onTerminate,
  );
}

/** How names are looked up: by other drivers' names, where this driver has one, then as the configured resolver does. */
function nameLookup(
  options: DriverOptions,
  machine: DriverMachine,
  extensions: Extensions,
  { clock, counters, errors }: DriverFiles,
  network: RunningNetwork,
  eventLog: EventLog | null,
): { lookup: HostLookup; driverNames: DriverNameResolver | null } {
  const { nameResolverSupplier, nameResolverInitArgs, resolverInterface } = options;
  const supply = extensions.get('nameResolver', nameResolverSupplier);
  const supplied = supply(nameResolverInitArgs, machine.lookup, counters);
  const lookup = eventLog === null ? supplied : loggedLookup(supplied, eventLog, clock, nameResolverSupplier);
  if (resolverInterface === '') return { lookup, driverNames: null };
  const driverNames = new DriverNameResolver({ options, clock, counters, errors, network, lookup, eventLog });
  return { lookup: driverNames.lookup, driverNames };
}

/** Network agents make streams by these names, later. @throws ConfigurationError */
function checkSuppliers(options: DriverOptions, extensions: Extensions): void {
  extensions.get('flowControl', options.unicastFlowControl);
  extensions.get('flowControl', options.multicastFlowControl);
  const { congestionControlSupplier } = options;
  if (congestionControlSupplier !== 'default') extensions.get('congestionControl', congestionControlSupplier);
}

/** Whether the network agent shares the conductor's isolate. */
function runsHere({ threadingMode }: DriverOptions): boolean {
  return threadingMode === 'SHARED' || threadingMode === 'INVOKER';
}

function newRunner(
  options: DriverOptions,
  machine: DriverMachine,
  extensions: Extensions,
  files: DriverFiles,
  agent: Agent,
): AgentRunner {
  const isShared = runsHere(options);
  const name = isShared ? options.sharedIdleStrategy : options.conductorIdleStrategy;
  const initArgs = isShared ? options.sharedIdleStrategyInitArgs : options.conductorIdleStrategyInitArgs;
  return new AgentRunner(agent, {
    idleStrategy: mainIdleStrategy(name, initArgs, extensions, files),
    errorHandler: (error) => files.errors.record(ErrorCode.GENERIC_ERROR, messageOf(error)),
    clock: machine.newClock(),
    eventLoop: machine.eventLoop,
  });
}

/** The main isolate's thread is the application's too: to back off means to let its event loop go on. */
function mainIdleStrategy(
  name: string,
  initArgs: string,
  extensions: Extensions,
  files: DriverFiles,
): IdleStrategy | 'event-loop' {
  if (name === 'backoff' && initArgs === '') return 'event-loop';
  const status = files.systemCounter(SystemCounter.CONTROLLABLE_IDLE_STRATEGY);
  return extensions.get('idleStrategy', name)(initArgs, status);
}

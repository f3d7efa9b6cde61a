// hot
/** The program of the network thread: a network agent alone in a worker's isolate, in a loop until it is closed. */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { AtomicCounter } from '../concurrent/atomic-counter.ts';
import { type Clock, SystemClock } from '../concurrent/clock.ts';
import { type IdleStrategy, NoOpIdleStrategy } from '../concurrent/idle-strategy.ts';
import { Region } from '../memory/region.ts';
import { shm } from '../native/addons.ts';
import { codeOf, messageOf } from '../util/errors.ts';
import { adoptIpv6Addresses } from '../util/ip-address.ts';
import { loadExtensions } from './extensions/extensions.ts';
import type { NetworkCommand, NetworkEvent } from './messages.ts';
import { NetworkAgent } from './network-agent.ts';
import { COMMANDS_RUNG, EVENTS_RUNG, type NetworkWorkerData } from './network-worker-data.ts';
import { openTransport } from './open-transport.ts';
import { RxInterruptIdleStrategy } from './rx-interrupt-idle-strategy.ts';

/** A defect that throws in every cycle must not flood the conductor. */
const PAUSE_AFTER_ERROR_NS = 10_000_000;
const GENERIC_ERROR = 11;
const CONTROLLABLE_IDLE_STRATEGY = 22;

class NetworkThread {
  private readonly port: MessagePort;
  private readonly doorbell: Int32Array;
  private idleStrategy: IdleStrategy = new NoOpIdleStrategy();
  private agent: NetworkAgent | null = null;
  private commandsSeen = 0;
  private isClosed = false;

  constructor({ port, doorbell }: NetworkWorkerData) {
    this.port = port;
    this.doorbell = new Int32Array(doorbell);
  }

  /** Opens the transport and says that the agent runs, or why it cannot. */
  async start({ config, idleStrategy, idleStrategyInitArgs }: NetworkWorkerData): Promise<void> {
    const clock: Clock = new SystemClock();
    try {
      const extensions = await loadExtensions(config.extensions.modules);
      const cnc = Region.adopt(config.cnc.buffer, config.cnc.handle);
      const status = new AtomicCounter(cnc, config.countersValuesOffset, CONTROLLABLE_IDLE_STRATEGY);
      this.idleStrategy = extensions.get('idleStrategy', idleStrategy)(idleStrategyInitArgs, status);
      const transport = await openTransport(config, clock, extensions);
      const waiter = transport?.frameWaiter ?? null;
      if (waiter !== null && config.transport.kind === 'bypass') {
        this.idleStrategy = new RxInterruptIdleStrategy(waiter, config.transport.rxInterruptSleepNs);
      }
      this.agent = new NetworkAgent(config, transport, clock, this.emit, transport?.statistics, extensions);
      for (const port of transport?.portReports ?? []) this.emit({ kind: 'portOpened', port });
    } catch (error) {
      this.isClosed = true;
      this.emit({ kind: 'startFailed', code: codeOf(error), message: messageOf(error) });
    }
  }

  /** Returns when the agent is closed. Cold: the loop is {@link runUntilClosed}. */
  run(): void {
    while (!this.isClosed) {
      try {
        this.runUntilClosed();
      } catch (error) {
        this.emit({ kind: 'error', code: GENERIC_ERROR, message: `network agent: ${messageOf(error)}` });
        shm.sleep(PAUSE_AFTER_ERROR_NS);
      }
    }
  }

  private runUntilClosed(): void {
    const { agent, doorbell, idleStrategy } = this;
    while (!this.isClosed) {
      // Pairs with the Atomics.add in WorkerNetwork.send().
      const commandsRung = Atomics.load(doorbell, COMMANDS_RUNG);
      if (commandsRung !== this.commandsSeen) {
        this.commandsSeen = commandsRung;
        this.takeCommands();
      }
      idleStrategy.idle(agent!.doWork());
    }
  }

  /** Cold. */
  private takeCommands(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.port) as { message: NetworkCommand } | undefined;
      if (received === undefined) return;
      this.agent!.onCommand(received.message);
      if (received.message.kind === 'close') this.isClosed = true;
    }
  }

  /** Cold. */
  private readonly emit = (event: NetworkEvent): void => {
    this.port.postMessage(event);
    Atomics.add(this.doorbell, EVENTS_RUNG, 1); // Pairs with the load in WorkerNetwork.poll().
  };
}

const data = workerData as NetworkWorkerData;
adoptIpv6Addresses(data.ipv6Addresses);
shm.nameThread(data.name);
if (data.cpu >= 0) shm.pin(data.cpu);
const thread = new NetworkThread(data);
await thread.start(data);
thread.run();
data.port.close();

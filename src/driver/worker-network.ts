import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Clock } from '../concurrent/clock.ts';
import { lastWordsOfDpdk } from '../native/dpdk-addon.ts';
import type { ErrorName } from '../util/error-codes.ts';
import { AeronError, messageOf } from '../util/errors.ts';
import { sharedIpv6Addresses } from '../util/ip-address.ts';
import type { NetworkCommand, NetworkEvent } from './messages.ts';
import type { NetworkThreadOptions, RunningNetwork } from './network-link.ts';
import {
  COMMANDS_RUNG,
  DOORBELL_LENGTH,
  EVENTS_RUNG,
  type NetworkWorkerData,
} from './network-worker-data.ts';

const CLOSE_TIMEOUT_MS = 3_000;

/**
 * A network agent in a thread of its own: SHARED_NETWORK. Messages go through a port; a doorbell word that both sides
 * count up says when to look there.
 */
export class WorkerNetwork implements RunningNetwork {
  private readonly clock: Clock;
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly doorbell: Int32Array;
  private readonly transportKind: NetworkThreadOptions['config']['transport']['kind'];
  /** What it is called in messages. */
  private readonly who: string;
  private eventsSeen = 0;
  private isClosing = false;
  maxDatagramLength = 0;
  readonly transportStatistics = null;

  private constructor({
    config,
    clock,
    idleStrategy,
    idleStrategyInitArgs,
    cpu,
    name,
    onFailure,
  }: NetworkThreadOptions) {
    const { port1, port2 } = new MessageChannel();
    const doorbell = new SharedArrayBuffer(DOORBELL_LENGTH);
    const workerData: NetworkWorkerData = {
      config,
      port: port2,
      doorbell,
      ipv6Addresses: sharedIpv6Addresses(),
      idleStrategy,
      idleStrategyInitArgs,
      name,
      cpu,
    };
    this.clock = clock;
    this.port = port1;
    this.doorbell = new Int32Array(doorbell);
    this.transportKind = config.transport.kind;
    this.worker = new Worker(new URL('./network-worker.js', import.meta.url), {
      workerData,
      transferList: [port2],
      name: workerData.name,
    });
    this.who = config.place === null ? 'the network thread' : `network thread ${config.place.index}`;
    const fail = (error: Error): void => {
      if (this.isClosing) return;
      this.isClosing = true;
      onFailure(error);
    };
    this.worker.once('error', (error: unknown) => {
      fail(new AeronError('NETWORK_THREAD_FAILED', `${this.who} ended: ${messageOf(error)}`));
    });
    this.worker.once('exit', (code) => {
      fail(new AeronError('NETWORK_THREAD_FAILED', `${this.who} ended with exit code ${code}`));
    });
  }

  /**
   * Resolves when the agent runs. What goes wrong the thread says itself, so the wait for it ends only where something
   * that it calls never comes back.
   * @throws AeronError when the transport cannot be opened, or `NETWORK_THREAD_FAILED`.
   */
  static async start(options: NetworkThreadOptions): Promise<WorkerNetwork> {
    let failure: Error | null = null;
    const onFailure = (error: Error): void => {
      if (isStarted) options.onFailure(error);
      else failure = error;
    };
    let isStarted = false;
    const network = new WorkerNetwork({ ...options, onFailure });
    const { clock, startTimeoutNs } = options;
    const deadlineNs = clock.nanoTime + startTimeoutNs;
    try {
      for (;;) {
        const event = network.poll();
        if (event?.kind === 'started') {
          isStarted = true;
          network.maxDatagramLength = network.transportKind !== 'none' ? event.maxDatagramLength : 0;
          return network;
        }
        if (event?.kind === 'startFailed') throw startError(event);
        if (failure !== null) throw failure;
        clock.update();
        if (clock.nanoTime > deadlineNs) {
          throw network.notStarted(startTimeoutNs);
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  private notStarted(startTimeoutNs: number): AeronError {
    const said = this.transportKind === 'bypass' ? ` DPDK said last: ${lastWordsOfDpdk()}` : '';
    return new AeronError(
      'NETWORK_THREAD_FAILED',
      `${this.who} did not start in ${startTimeoutNs / 1e6} ms. If this machine needs longer, set ` +
        `aeron.network.start.timeout.${said}`,
    );
  }

  send(command: NetworkCommand): void {
    this.port.postMessage(command);
    Atomics.add(this.doorbell, COMMANDS_RUNG, 1); // Pairs with the load in the network thread's loop.
  }

  poll(): NetworkEvent | null {
    const eventsRung = Atomics.load(this.doorbell, EVENTS_RUNG); // Pairs with the add in the network thread's emit.
    if (eventsRung === this.eventsSeen) return null;
    const received = receiveMessageOnPort(this.port) as { message: NetworkEvent } | undefined;
    if (received !== undefined) return received.message;
    this.eventsSeen = eventsRung;
    return null;
  }

  doWork(): number {
    this.clock.update();
    return 0;
  }

  /** Asks the thread to end, and ends it when it does not. Never waits for long. */
  async close(): Promise<void> {
    this.isClosing = true;
    if (this.worker.threadId >= 0) {
      const timer = new AbortController();
      const timeout = setTimeout(() => timer.abort(), CLOSE_TIMEOUT_MS);
      const exit = once(this.worker, 'exit', { signal: timer.signal }).catch(() => this.terminate());
      this.send({ kind: 'close' });
      await exit;
      clearTimeout(timeout);
    }
    this.port.close();
  }

  /** Who waits for this unmaps files next, which a thread that still runs would touch: so it waits for the thread's end. */
  private async terminate(): Promise<void> {
    this.worker.unref();
    const timer = new AbortController();
    const limit = sleep(CLOSE_TIMEOUT_MS, undefined, { signal: timer.signal }).catch(() => {});
    await Promise.race([this.worker.terminate(), limit]);
    timer.abort();
  }
}

/** The code is at the start of the message of an AeronError that came from the other isolate. */
function startError({ code, message }: { readonly code: string; readonly message: string }): AeronError {
  const text = message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message;
  return new AeronError(code === '' ? 'NETWORK_THREAD_FAILED' : (code as ErrorName), text);
}

// hot
import type { Clock } from '../concurrent/clock.ts';
import { Queue } from '../concurrent/queue.ts';
import type { TransportStatistics } from '../transport/transport-statistics.ts';
import { assert } from '../util/errors.ts';
import type { Extensions } from './extensions/extensions.ts';
import type { NetworkAgentConfig, NetworkCommand, NetworkEvent } from './messages.ts';
import { NetworkAgent } from './network-agent.ts';
import type { RunningNetwork } from './network-link.ts';
import type { OpenedTransport, openTransport } from './open-transport.ts';

/** The agent answers a command with an event or two, and keeps few setups unanswered: this is never reached. */
const EVENT_CAPACITY = 16 * 1024;

/** A network agent in the conductor's isolate: SHARED and INVOKER. Commands are calls, events wait in a queue. */
export class SameIsolateNetwork implements RunningNetwork {
  readonly maxDatagramLength: number;
  readonly transportStatistics: TransportStatistics | null;
  private readonly agent: NetworkAgent;
  private readonly events: Queue<NetworkEvent>;

  private constructor(agent: NetworkAgent, events: Queue<NetworkEvent>, transport: OpenedTransport | null) {
    this.agent = agent;
    this.events = events;
    this.maxDatagramLength = transport?.maxDatagramLength ?? 0;
    this.transportStatistics = transport?.statistics ?? null;
  }

  /** @throws AeronError when the transport cannot be opened. */
  static async start(
    config: NetworkAgentConfig,
    clock: Clock,
    open: typeof openTransport,
    extensions: Extensions,
  ): Promise<SameIsolateNetwork> {
    const transport = await open(config, clock, extensions);
    const events = new Queue<NetworkEvent>(EVENT_CAPACITY);
    const emit = (event: NetworkEvent): void => {
      assert(events.offer(event), 'the conductor keeps up with the network agent');
    };
    const agent = new NetworkAgent(config, transport, clock, emit, transport?.statistics, extensions);
    for (const port of transport?.portReports ?? []) emit({ kind: 'portOpened', port });
    return new SameIsolateNetwork(agent, events, transport);
  }

  send(command: NetworkCommand): void {
    this.agent.onCommand(command);
  }

  poll(): NetworkEvent | null {
    return this.events.poll();
  }

  doWork(): number {
    return this.agent.doWork();
  }

  async close(): Promise<void> {
    this.agent.onCommand({ kind: 'close' });
  }
}

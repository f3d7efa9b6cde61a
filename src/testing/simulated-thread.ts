import { ErrorCode } from '../cnc/error-codes.ts';
import type { Clock } from '../concurrent/clock.ts';
import type { NetworkCommand, NetworkEvent } from '../driver/messages.ts';
import { NetworkAgent } from '../driver/network-agent.ts';
import type { NetworkThreadOptions, RunningNetwork } from '../driver/network-link.ts';
import type { OpenedTransport } from '../driver/open-transport.ts';
import { messageOf } from '../util/errors.ts';

/**
 * A network agent with time slices of its own: whoever runs the process calls {@link runTurn}, as often as it likes. Messages
 * to and from the conductor wait in queues, as copies, as they do between isolates.
 */
export class SimulatedThread implements RunningNetwork {
  /** `aeron-sender`, for instance. */
  readonly name: string;
  readonly maxDatagramLength: number;
  readonly transportStatistics = null;
  private readonly clock: Clock;
  private readonly agent: NetworkAgent;
  private readonly commands: NetworkCommand[] = [];
  private readonly events: NetworkEvent[] = [];

  constructor({ config, clock, name }: NetworkThreadOptions, transport: OpenedTransport, ownClock: Clock) {
    this.name = name;
    this.clock = clock;
    this.maxDatagramLength = transport.maxDatagramLength;
    this.agent = new NetworkAgent(config, transport, ownClock, this.emit, transport.statistics);
    this.events.length = 0; // That it has started.
  }

  /** Does what the conductor has said, then one duty cycle. */
  runTurn(): void {
    for (const command of this.commands.splice(0)) this.agent.onCommand(command);
    try {
      this.agent.doWork();
    } catch (error) {
      this.emit({
        kind: 'error',
        code: ErrorCode.GENERIC_ERROR,
        message: `network agent: ${messageOf(error)}`,
      });
    }
  }

  send(command: NetworkCommand): void {
    this.commands.push(structuredClone(command));
  }

  poll(): NetworkEvent | null {
    return this.events.shift() ?? null;
  }

  doWork(): number {
    this.clock.update();
    return 0;
  }

  async close(): Promise<void> {
    this.send({ kind: 'close' });
    for (const command of this.commands.splice(0)) this.agent.onCommand(command);
  }

  private readonly emit = (event: NetworkEvent): void => {
    this.events.push(structuredClone(event));
  };
}

import {
  CounterType,
  clientHeartbeatKey,
  clientHeartbeatLabel,
  SystemCounter,
} from '../../cnc/counter-types.ts';
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { ConductorContext } from './conductor-context.ts';
import type { Publication } from './stream.ts';

/** A client, known from the first thing it added until it closes or falls silent. */
export interface Client {
  readonly clientId: number;
  /** The client keeps it at the current time, epoch milliseconds. */
  readonly heartbeatCounterId: number;
  isClosedByCommand: boolean;
  /** Its publications by their registration ids; several may be references to one. */
  readonly publications: Map<number, Publication>;
  /** Ids of its counters by their registration ids. */
  readonly counters: Map<number, number>;
}

/** The clients and their signs of life. */
export class Clients {
  private readonly context: ConductorContext;
  private readonly clients: Map<number, Client> = new Map();
  private readonly timeouts: AtomicCounter;
  private readonly livenessTimeoutMs: number;

  constructor(context: ConductorContext) {
    this.context = context;
    this.timeouts = context.systemCounter(SystemCounter.CLIENT_TIMEOUTS);
    this.livenessTimeoutMs = Math.max(1, context.options.clientLivenessTimeoutNs / 1e6);
  }

  get(clientId: number): Client | null {
    return this.clients.get(clientId) ?? null;
  }

  /** The client; when it is new, with a heartbeat counter that all are told of. */
  getOrAdd(clientId: number): Client {
    const known = this.clients.get(clientId);
    if (known !== undefined) return known;
    const { counters, clock, events } = this.context;
    const heartbeatCounterId = counters.allocate({
      typeId: CounterType.CLIENT_HEARTBEAT,
      label: clientHeartbeatLabel(clientId),
      key: clientHeartbeatKey(clientId),
      registrationId: clientId,
      ownerId: clientId,
    });
    counters.setValue(heartbeatCounterId, Math.floor(clock.epochMs));
    const client: Client = {
      clientId,
      heartbeatCounterId,
      isClosedByCommand: false,
      publications: new Map(),
      counters: new Map(),
    };
    this.clients.set(clientId, client);
    events.transmit({ type: 'counterReady', correlationId: clientId, counterId: heartbeatCounterId });
    return client;
  }

  /** Older clients send it; newer ones write their heartbeat themselves. */
  onKeepalive(clientId: number): void {
    const client = this.clients.get(clientId);
    if (client === undefined) return;
    this.context.counters.setValue(client.heartbeatCounterId, Math.floor(this.context.clock.epochMs));
  }

  /** The client goes away with the next timer. */
  onClose(clientId: number): void {
    const client = this.clients.get(clientId);
    if (client === undefined) return;
    client.isClosedByCommand = true;
    this.context.counters.setValue(client.heartbeatCounterId, 0);
  }

  /** Takes leave of clients that closed or fell silent; `release` frees what they had. */
  onTimer(release: (client: Client) => void): void {
    const { counters, clock, events } = this.context;
    for (const client of this.clients.values()) {
      const { clientId, heartbeatCounterId } = client;
      if (clock.epochMs <= counters.value(heartbeatCounterId) + this.livenessTimeoutMs) continue;
      if (!client.isClosedByCommand) {
        this.timeouts.increment();
        events.transmit({ type: 'clientTimeout', clientId });
      }
      events.transmit({
        type: 'unavailableCounter',
        registrationId: clientId,
        counterId: heartbeatCounterId,
      });
      this.clients.delete(clientId);
      release(client);
      counters.free(heartbeatCounterId);
    }
  }
}

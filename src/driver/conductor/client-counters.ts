import type { Command } from '../../cnc/commands.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import type { Client, Clients } from './clients.ts';
import { CommandError, idInUse } from './command-error.ts';
import type { ConductorContext } from './conductor-context.ts';

type CommandOf<Type extends Command['type']> = Extract<Command, { type: Type }>;

/** The owner of counters that outlive their clients. */
const NO_OWNER = -1;

/** Counters that clients add for themselves. */
export class ClientCounters {
  private readonly context: ConductorContext;
  private readonly clients: Clients;

  constructor(context: ConductorContext, clients: Clients) {
    this.context = context;
    this.clients = clients;
  }

  add({ clientId, correlationId, typeId, label, key }: CommandOf<'addCounter'>): void {
    const client = this.clients.getOrAdd(clientId);
    if (client.counters.has(correlationId)) throw idInUse(correlationId);
    const { counters, events } = this.context;
    const counterId = counters.allocate({
      typeId,
      label,
      key,
      registrationId: correlationId,
      ownerId: clientId,
    });
    client.counters.set(correlationId, counterId);
    events.transmit({ type: 'counterReady', correlationId, counterId });
  }

  /** Answers with the counter that is there already, if it is static too. */
  addStatic({
    clientId,
    correlationId,
    registrationId,
    typeId,
    label,
    key,
  }: CommandOf<'addStaticCounter'>): void {
    this.clients.getOrAdd(clientId);
    const { counters, events } = this.context;
    let counterId = counters.findByTypeAndRegistration(typeId, registrationId);
    if (counterId < 0) {
      counterId = counters.allocate({ typeId, label, key, registrationId, ownerId: NO_OWNER });
    } else if (counters.ownerId(counterId) !== NO_OWNER) {
      throw new CommandError(
        ErrorCode.GENERIC_ERROR,
        `cannot add static counter, because a non-static counter exists (counterId=${counterId}) ` +
          `for typeId=${typeId} and registrationId=${registrationId}`,
      );
    }
    events.transmit({ type: 'staticCounter', correlationId, counterId });
  }

  remove({ clientId, correlationId, registrationId }: CommandOf<'removeCounter'>): void {
    const client = this.clients.get(clientId);
    const counterId = client?.counters.get(registrationId);
    if (client === null || counterId === undefined) {
      throw new CommandError(
        ErrorCode.UNKNOWN_COUNTER,
        `unknown counter client_id=${clientId} registration_id=${registrationId}`,
      );
    }
    client.counters.delete(registrationId);
    this.context.events.operationSucceeded(correlationId);
    this.free(registrationId, counterId);
  }

  removeAll(client: Client): void {
    for (const [registrationId, counterId] of client.counters) this.free(registrationId, counterId);
  }

  private free(registrationId: number, counterId: number): void {
    this.context.events.transmit({ type: 'unavailableCounter', registrationId, counterId });
    this.context.counters.free(counterId);
  }
}

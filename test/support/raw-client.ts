import { CncFile } from '../../src/cnc/cnc-file.ts';
import { type Command, commandTypeId, encodeCommand } from '../../src/cnc/commands.ts';
import { type DriverEvent, decodeEvent } from '../../src/cnc/events.ts';
import { BroadcastReceiver } from '../../src/concurrent/broadcast-receiver.ts';

/** A command without its ids. */
type Request = Command extends infer C
  ? C extends Command
    ? Omit<C, 'clientId' | 'correlationId'>
    : never
  : never;

/** Speaks to a driver in bytes, beside its ordinary clients. */
export class RawClient {
  private readonly cnc: CncFile;
  private readonly receiver: BroadcastReceiver;
  private readonly bytes: Buffer = Buffer.alloc(4096);
  private readonly clientId: number;
  private readonly answers: Map<number, DriverEvent> = new Map();

  constructor(directory: string) {
    this.cnc = CncFile.map(directory);
    const { region, offset, length } = this.cnc.toClients;
    this.receiver = new BroadcastReceiver(region, offset, length);
    this.clientId = this.cnc.toDriver.nextCorrelationId();
  }

  /** Returns the correlation id. */
  send(request: Request): number {
    const correlationId = this.cnc.toDriver.nextCorrelationId();
    const command = { ...request, clientId: this.clientId, correlationId } as Command;
    const length = encodeCommand(command, this.bytes);
    if (!this.cnc.toDriver.write(commandTypeId(command), this.bytes, 0, length))
      throw new Error('ring is full');
    return correlationId;
  }

  /** Whether the command was carried out. @throws Error when it was refused. */
  isDone(correlationId: number): boolean {
    while (
      this.receiver.receive((typeId, bytes, offset, length) => {
        const event = decodeEvent(typeId, bytes, offset, length);
        if (event.type === 'error') this.answers.set(event.offendingCorrelationId, event);
        if (event.type === 'operationSuccess') this.answers.set(event.correlationId, event);
      }) > 0
    );
    const answer = this.answers.get(correlationId);
    if (answer?.type === 'error') throw new Error(answer.message);
    return answer !== undefined;
  }

  close(): void {
    this.cnc.close();
  }
}

import type { CncFile } from '../cnc/cnc-file.ts';
import { type Command, commandTypeId, encodeCommand } from '../cnc/commands.ts';
import { shm } from '../native/addons.ts';
import type { InvokedDriver } from './client-options.ts';

const COMMAND_ATTEMPTS = 10;
const COMMAND_LENGTH_MAX = 16_384;

/** A command before its client and its correlation id are put into it. */
export type NewCommand<C = Command> = C extends Command ? Omit<C, 'clientId' | 'correlationId'> : never;

/** The driver as its clients command it: by messages into the ring of the CnC file. For one thread. */
export class DriverProxy {
  readonly clientId: number;
  private readonly cnc: CncFile;
  /** A driver on this thread, which makes room only when it is run; null: it runs by itself. */
  private readonly driver: InvokedDriver | null;
  private readonly bytes: Buffer = Buffer.alloc(COMMAND_LENGTH_MAX);

  constructor(cnc: CncFile, driver: InvokedDriver | null) {
    this.cnc = cnc;
    this.driver = driver;
    this.clientId = cnc.toDriver.nextCorrelationId();
  }

  /** A number that no other command to this driver has, of any client. */
  nextCorrelationId(): number {
    return this.cnc.toDriver.nextCorrelationId();
  }

  /** Returns false when the driver has not read its commands for so long that there is no room. */
  send(command: NewCommand, correlationId: number = this.nextCorrelationId()): boolean {
    return this.write({ ...command, clientId: this.clientId, correlationId } as Command);
  }

  /** Takes leave of the driver. */
  clientClose(): void {
    this.write({ type: 'clientClose', clientId: this.clientId, correlationId: -1 });
  }

  private write(command: Command): boolean {
    const length = encodeCommand(command, this.bytes);
    const typeId = commandTypeId(command);
    for (let i = 0; i < COMMAND_ATTEMPTS; i++) {
      if (this.cnc.toDriver.write(typeId, this.bytes, 0, length)) return true;
      this.driver?.doWork();
      shm.yield();
    }
    return false;
  }
}

/**
 * A command that waits for a name to be looked up or an endpoint to be opened. The conductor takes no other command
 * before it is done, so that clients' commands are carried out in their order.
 */
export interface PendingCommand {
  readonly correlationId: number;
  /** Goes as far as it can. Returns true when the command is done. @throws CommandError when it cannot be. */
  step(): boolean;
}

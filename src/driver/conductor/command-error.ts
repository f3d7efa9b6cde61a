import { ErrorCode } from '../../cnc/error-codes.ts';

/** A command that cannot be carried out. The conductor answers it with ON_ERROR of this code and text. */
export class CommandError extends Error {
  /** One of `cnc/error-codes.ts`. */
  readonly errorCode: number;

  constructor(errorCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
    this.errorCode = errorCode;
  }
}

/** A client gave two of its resources the same id: the second could never be removed. */
export function idInUse(correlationId: number): CommandError {
  return new CommandError(
    ErrorCode.GENERIC_ERROR,
    `correlation id ${correlationId} is in use; take each from the driver's counter`,
  );
}

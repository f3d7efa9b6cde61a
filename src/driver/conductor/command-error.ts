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

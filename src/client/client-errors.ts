import type { ErrorName } from '../util/error-codes.ts';
import { AeronError } from '../util/errors.ts';

/** The driver refused a command. `code` is the name of {@link errorCode}. */
export class RegistrationError extends AeronError {
  /** The driver's number for it: 1 is an invalid channel. */
  readonly errorCode: number;
  /** Of the command. */
  readonly correlationId: number;

  constructor(code: string, message: string, errorCode: number, correlationId: number) {
    // One of the driver's own codes.
    super(code as ErrorName, message);
    this.name = 'RegistrationError';
    this.errorCode = errorCode;
    this.correlationId = correlationId;
  }
}

/** The driver is not there, or does not answer. */
export class DriverTimeoutError extends AeronError {
  constructor(code: ErrorName, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'DriverTimeoutError';
  }
}

/** The driver gave this client up. */
export class ClientTimeoutError extends AeronError {
  constructor(code: ErrorName, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'ClientTimeoutError';
  }
}

/** This client was not run for too long. */
export class ConductorServiceTimeoutError extends AeronError {
  constructor(code: ErrorName, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'ConductorServiceTimeoutError';
  }
}

/** What was asked for is closed, or has come to its end. */
export class ClosedError extends AeronError {
  constructor(code: ErrorName, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'ClosedError';
  }
}

/** The driver's files or events are not what they should be. */
export class ProtocolError extends AeronError {
  constructor(code: ErrorName, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'ProtocolError';
  }
}

type ErrorClass = new (code: ErrorName, message: string, options?: ErrorOptions) => AeronError;

/** A code of the client. */
export type ClientErrorCode =
  | 'BROADCAST_LAPPED'
  | 'CLIENT_CLOSED'
  | 'CLIENT_TIMEOUT'
  | 'CNC_NOT_MAPPED'
  | 'CNC_VERSION'
  | 'CONDUCTOR_SERVICE_TIMEOUT'
  | 'DRIVER_BUFFER_FULL'
  | 'DRIVER_CLOSED'
  | 'DRIVER_TIMEOUT'
  | 'IMAGE_NOT_MAPPED'
  | 'MALFORMED_EVENT'
  | 'MALFORMED_FRAME'
  | 'MALFORMED_LOG'
  | 'MAX_POSITION_EXCEEDED'
  | 'PUBLICATION_CLOSED';

/** Every code of the client, and the class of the errors that carry it. */
export const CLIENT_ERRORS: Readonly<Record<ClientErrorCode, ErrorClass>> = {
  BROADCAST_LAPPED: ConductorServiceTimeoutError,
  CLIENT_CLOSED: ClosedError,
  CLIENT_TIMEOUT: ClientTimeoutError,
  CNC_NOT_MAPPED: ProtocolError,
  CNC_VERSION: ProtocolError,
  CONDUCTOR_SERVICE_TIMEOUT: ConductorServiceTimeoutError,
  DRIVER_BUFFER_FULL: DriverTimeoutError,
  DRIVER_CLOSED: DriverTimeoutError,
  DRIVER_TIMEOUT: DriverTimeoutError,
  IMAGE_NOT_MAPPED: ProtocolError,
  MALFORMED_EVENT: ProtocolError,
  MALFORMED_FRAME: ProtocolError,
  MALFORMED_LOG: ProtocolError,
  MAX_POSITION_EXCEEDED: ClosedError,
  PUBLICATION_CLOSED: ClosedError,
};

/** An error of the class that belongs to its code. */
export function clientError(code: ClientErrorCode, message: string, options?: ErrorOptions): AeronError {
  return new CLIENT_ERRORS[code](code, message, options);
}

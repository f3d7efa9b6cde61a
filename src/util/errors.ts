import type { ErrorName } from './error-codes.ts';

/**
 * An error a user can act on: the message says what, why (both values) and how to fix it.
 * `code` is stable, so programs may compare it.
 */
export class AeronError extends Error {
  readonly code: string;

  constructor(code: ErrorName, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = 'AeronError';
    this.code = code;
  }
}

/** A setting that cannot work, found before anything was started. */
export class ConfigurationError extends AeronError {
  constructor(message: string, options?: ErrorOptions) {
    super('CONFIGURATION', message, options);
    this.name = 'ConfigurationError';
  }
}

/** Throws when our own code broke one of its rules. Cold paths only; `message` names the rule. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The stable code of anything that was thrown, or `''`. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

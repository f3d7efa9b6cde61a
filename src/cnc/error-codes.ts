/** What went wrong with a command, in error events and error frames. */
export const ErrorCode = {
  UNKNOWN: -1,
  UNUSED: 0,
  INVALID_CHANNEL: 1,
  UNKNOWN_SUBSCRIPTION: 2,
  UNKNOWN_PUBLICATION: 3,
  CHANNEL_ENDPOINT_ERROR: 4,
  UNKNOWN_COUNTER: 5,
  UNKNOWN_COMMAND_TYPE_ID: 6,
  MALFORMED_COMMAND: 7,
  NOT_SUPPORTED: 8,
  UNKNOWN_HOST: 9,
  RESOURCE_TEMPORARILY_UNAVAILABLE: 10,
  GENERIC_ERROR: 11,
  STORAGE_SPACE: 12,
  IMAGE_REJECTED: 13,
  PUBLICATION_REVOKED: 14,
} as const;

const names = new Map<number, string>(Object.entries(ErrorCode).map(([name, code]) => [code, name]));

/** The name of an error code, or the code itself in digits. */
export function errorCodeName(code: number): string {
  return names.get(code) ?? String(code);
}

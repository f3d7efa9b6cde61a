import { ErrorCode } from '../../cnc/error-codes.ts';
import { CommandError } from './command-error.ts';
import type { PublicationParameters } from './parameters.ts';
import { isIpc, type Publication } from './stream.ts';

/** What a channel says of a publication must be what the publication has. @throws CommandError GENERIC_ERROR */
export function confirmMatch(existing: Publication, requested: PublicationParameters, channel: string): void {
  const { parameters, sessionId, initialTermId } = existing;
  const { given, start } = requested;
  const same = (key: string, existingValue: number | boolean, requestedValue: number | boolean): void => {
    if (existingValue === requestedValue) return;
    throw new CommandError(
      ErrorCode.GENERIC_ERROR,
      `existing publication has different ${key}: existing=${existingValue} requested=${requestedValue} ` +
        `existingChannel=${existing.channel} channel=${channel}`,
    );
  };
  if (given.mtu) same("'mtu'", parameters.mtu, requested.mtu);
  if (given.termLength) same("'term-length'", parameters.termLength, requested.termLength);
  if (requested.sessionId !== null) same("'session-id'", sessionId, requested.sessionId);
  if (start !== null) {
    same("'init-term-id'", initialTermId, start.initialTermId);
    same("'term-id'", parameters.start?.termId ?? initialTermId, start.termId);
    same("'term-offset'", parameters.start?.termOffset ?? 0, start.termOffset);
  }
  if (isIpc(existing)) return;
  same('spiesSimulateConnection', parameters.spiesSimulateConnection, requested.spiesSimulateConnection);
}

import { ADDRESS_TYPE_IPV4, ADDRESS_TYPE_IPV6, type DriverEvent } from '../cnc/events.ts';
import type { PublicationErrorFrame } from './client-options.ts';

type PublicationErrorEvent = Extract<DriverEvent, { type: 'publicationError' }>;

/** What an application is told of an error that a receiver sent, for one of its publications of that stream. */
export function publicationErrorFrame(
  registrationId: number,
  event: PublicationErrorEvent,
): PublicationErrorFrame {
  return {
    registrationId,
    destinationRegistrationId: event.destinationRegistrationId < 0 ? null : event.destinationRegistrationId,
    sessionId: event.sessionId,
    streamId: event.streamId,
    receiverId: event.receiverId,
    groupTag: event.groupTag === -1n ? null : event.groupTag,
    errorCode: event.errorCode,
    message: event.message,
    source: sourceOf(event),
  };
}

function sourceOf(event: PublicationErrorEvent): string {
  const bytes = event.sourceAddress;
  if (event.addressType === ADDRESS_TYPE_IPV4)
    return `${[...bytes.subarray(0, 4)].join('.')}:${event.sourcePort}`;
  if (event.addressType !== ADDRESS_TYPE_IPV6) return '';
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return `[${groups.join(':')}]:${event.sourcePort}`;
}

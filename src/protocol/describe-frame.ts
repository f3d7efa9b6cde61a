import { DATA_SESSION_ID, DATA_STREAM_ID, DATA_TERM_ID, DATA_TERM_OFFSET } from './data-frame.ts';
import { ERROR_CODE, ERROR_SESSION_ID, ERROR_STREAM_ID } from './error-frame.ts';
import {
  frameFlags,
  frameLength,
  frameType,
  isValidFrame,
  TYPE_DATA,
  TYPE_ERR,
  TYPE_NAK,
  TYPE_PAD,
  TYPE_RES,
  TYPE_RSP_SETUP,
  TYPE_RTTM,
  TYPE_SETUP,
  TYPE_SM,
} from './frame.ts';
import { NAK_GAP_LENGTH, NAK_SESSION_ID, NAK_STREAM_ID, NAK_TERM_ID, NAK_TERM_OFFSET } from './nak-frame.ts';
import { RTTM_SESSION_ID, RTTM_STREAM_ID } from './rttm-frame.ts';
import {
  SETUP_ACTIVE_TERM_ID,
  SETUP_INITIAL_TERM_ID,
  SETUP_MTU,
  SETUP_SESSION_ID,
  SETUP_STREAM_ID,
  SETUP_TERM_LENGTH,
  SETUP_TERM_OFFSET,
} from './setup-frame.ts';
import {
  STATUS_MESSAGE_CONSUMPTION_TERM_ID,
  STATUS_MESSAGE_CONSUMPTION_TERM_OFFSET,
  STATUS_MESSAGE_RECEIVER_WINDOW,
  STATUS_MESSAGE_SESSION_ID,
  STATUS_MESSAGE_STREAM_ID,
} from './status-message-frame.ts';

type Fields = readonly (readonly [name: string, offset: number])[];

const DATA_FIELDS: Fields = [
  ['sessionId', DATA_SESSION_ID],
  ['streamId', DATA_STREAM_ID],
  ['termId', DATA_TERM_ID],
  ['termOffset', DATA_TERM_OFFSET],
];

/** What frames are called, and the 32-bit fields that say which one it is. */
const FRAMES: ReadonlyMap<number, { readonly name: string; readonly fields: Fields }> = new Map([
  [TYPE_PAD, { name: 'PAD', fields: DATA_FIELDS }],
  [TYPE_DATA, { name: 'DATA', fields: DATA_FIELDS }],
  [
    TYPE_NAK,
    {
      name: 'NAK',
      fields: [
        ['sessionId', NAK_SESSION_ID],
        ['streamId', NAK_STREAM_ID],
        ['termId', NAK_TERM_ID],
        ['termOffset', NAK_TERM_OFFSET],
        ['length', NAK_GAP_LENGTH],
      ],
    },
  ],
  [
    TYPE_SM,
    {
      name: 'SM',
      fields: [
        ['sessionId', STATUS_MESSAGE_SESSION_ID],
        ['streamId', STATUS_MESSAGE_STREAM_ID],
        ['termId', STATUS_MESSAGE_CONSUMPTION_TERM_ID],
        ['termOffset', STATUS_MESSAGE_CONSUMPTION_TERM_OFFSET],
        ['receiverWindow', STATUS_MESSAGE_RECEIVER_WINDOW],
      ],
    },
  ],
  [
    TYPE_ERR,
    {
      name: 'ERR',
      fields: [
        ['sessionId', ERROR_SESSION_ID],
        ['streamId', ERROR_STREAM_ID],
        ['errorCode', ERROR_CODE],
      ],
    },
  ],
  [
    TYPE_SETUP,
    {
      name: 'SETUP',
      fields: [
        ['sessionId', SETUP_SESSION_ID],
        ['streamId', SETUP_STREAM_ID],
        ['initialTermId', SETUP_INITIAL_TERM_ID],
        ['activeTermId', SETUP_ACTIVE_TERM_ID],
        ['termOffset', SETUP_TERM_OFFSET],
        ['termLength', SETUP_TERM_LENGTH],
        ['mtu', SETUP_MTU],
      ],
    },
  ],
  [
    TYPE_RTTM,
    {
      name: 'RTT',
      fields: [
        ['sessionId', RTTM_SESSION_ID],
        ['streamId', RTTM_STREAM_ID],
      ],
    },
  ],
  [TYPE_RES, { name: 'RES', fields: [] }],
  [TYPE_RSP_SETUP, { name: 'RSP_SETUP', fields: [] }],
]);

/** The first frame of a datagram of `length` bytes at `offset`, for people. Of any bytes; reads the first 64 at most. */
export function describeFrame(view: DataView, offset: number, length: number): string {
  if (!isValidFrame(view, offset, length)) return `invalid datagramLength=${length}`;
  const { name, fields } = FRAMES.get(frameType(view, offset))!;
  const flags = frameFlags(view, offset).toString(16).padStart(2, '0');
  const words = fields.map(([key, at]) => `${key}=${view.getInt32(offset + at, true)}`);
  return [
    name,
    `flags=0x${flags}`,
    `frameLength=${frameLength(view, offset)}`,
    ...words,
    `datagramLength=${length}`,
  ].join(' ');
}

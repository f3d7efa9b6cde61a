// hot
import { FLAGS, frameLength } from '../../protocol/frame.ts';
import {
  STATUS_MESSAGE_CONSUMPTION_TERM_ID,
  STATUS_MESSAGE_CONSUMPTION_TERM_OFFSET,
  STATUS_MESSAGE_FLAG_EOS,
  STATUS_MESSAGE_GROUP_TAG,
  STATUS_MESSAGE_RECEIVER_ID,
  STATUS_MESSAGE_RECEIVER_WINDOW,
  STATUS_MESSAGE_WITH_GROUP_TAG_LENGTH,
} from '../../protocol/status-message-frame.ts';

/** What a receiver says of itself. Made once and read into; 64-bit ids are two int32 halves. */
export class StatusMessage {
  /** Everything before it was consumed. */
  position: number = Number.NaN;
  /** Bytes the receiver takes beyond {@link position}. */
  windowLength = 0;
  receiverIdLow = 0;
  receiverIdHigh = 0;
  /** The receiver is going away. */
  isEndOfStream = false;
  hasGroupTag = false;
  groupTagLow = 0;
  groupTagHigh = 0;

  /** Reads a frame whose fields are in range, for a stream with this term length that starts in this term. */
  read(view: DataView, offset: number, initialTermId: number, termLength: number): void {
    const termId = view.getInt32(offset + STATUS_MESSAGE_CONSUMPTION_TERM_ID, true);
    const termOffset = view.getInt32(offset + STATUS_MESSAGE_CONSUMPTION_TERM_OFFSET, true);
    this.position = ((termId - initialTermId) | 0) * termLength + termOffset;
    this.windowLength = view.getInt32(offset + STATUS_MESSAGE_RECEIVER_WINDOW, true);
    this.receiverIdLow = view.getInt32(offset + STATUS_MESSAGE_RECEIVER_ID, true);
    this.receiverIdHigh = view.getInt32(offset + STATUS_MESSAGE_RECEIVER_ID + 4, true);
    this.isEndOfStream = (view.getUint8(offset + FLAGS) & STATUS_MESSAGE_FLAG_EOS) !== 0;
    this.hasGroupTag = frameLength(view, offset) >= STATUS_MESSAGE_WITH_GROUP_TAG_LENGTH;
    this.groupTagLow = this.hasGroupTag ? view.getInt32(offset + STATUS_MESSAGE_GROUP_TAG, true) : 0;
    this.groupTagHigh = this.hasGroupTag ? view.getInt32(offset + STATUS_MESSAGE_GROUP_TAG + 4, true) : 0;
  }
}

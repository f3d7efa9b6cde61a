package bypass.interop;

import java.nio.ByteOrder;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;

/**
 * Messages whose length and content follow from (seed, producer, index), as in test/support/checked-message.ts. The two
 * files change together. A message of 0 bytes carries nothing; every other one starts with
 * <pre>
 *   0 checksum of the rest   4 producer   8 index   12 length   16 body
 * </pre>
 * in little-endian int32s, and its body is a run of xorshift32.
 */
final class CheckedMessage {
    static final int HEADER_LENGTH = 16;

    private static final int SMALL_LENGTH_MAX = 256;
    private static final int MEDIUM_LENGTH_MAX = 1500;

    private CheckedMessage() {
    }

    static int stateOf(final int seed, final int producer, final int index) {
        return mix(mix(seed ^ (producer * 0x9e3779b9)) + index);
    }

    /** 1 of 64 messages is empty, 47 are small, 10 about a datagram long, 6 anything up to maxLength. */
    static int lengthOf(final int state, final int maxLength) {
        final int kind = state & 63;
        if (kind == 0) {
            return 0;
        }
        final int limit = kind < 48 ? SMALL_LENGTH_MAX : kind < 58 ? MEDIUM_LENGTH_MAX : maxLength;
        final int range = Math.min(limit, maxLength) - HEADER_LENGTH + 1;
        return HEADER_LENGTH + (state >>> 6) % range;
    }

    /** Writes a message and returns its length. */
    static int write(
        final MutableDirectBuffer buffer,
        final int offset,
        final int seed,
        final int producer,
        final int index,
        final int maxLength) {

        int state = stateOf(seed, producer, index);
        final int length = lengthOf(state, maxLength);
        if (length == 0) {
            return 0;
        }
        putInt(buffer, offset + 4, producer);
        putInt(buffer, offset + 8, index);
        putInt(buffer, offset + 12, length);
        state |= 1;
        int at = HEADER_LENGTH;
        for (; at + 4 <= length; at += 4) {
            state = next(state);
            putInt(buffer, offset + at, state);
        }
        state = next(state);
        for (; at < length; at++, state >>>= 8) {
            buffer.putByte(offset + at, (byte)state);
        }
        putInt(buffer, offset, checksum(buffer, offset, length));
        return length;
    }

    /** FNV-1a over 32-bit words, folded after each so that high bits count, then over the bytes left. */
    static int checksum(final DirectBuffer buffer, final int offset, final int length) {
        int hash = 0x811c9dc5;
        int at = 4;
        for (; at + 4 <= length; at += 4) {
            hash = (hash ^ getInt(buffer, offset + at)) * 0x01000193;
            hash ^= hash >>> 15;
        }
        for (; at < length; at++) {
            hash = (hash ^ (buffer.getByte(offset + at) & 0xff)) * 0x01000193;
        }
        return hash;
    }

    static int getInt(final DirectBuffer buffer, final int offset) {
        return buffer.getInt(offset, ByteOrder.LITTLE_ENDIAN);
    }

    private static void putInt(final MutableDirectBuffer buffer, final int offset, final int value) {
        buffer.putInt(offset, value, ByteOrder.LITTLE_ENDIAN);
    }

    private static int next(final int state) {
        int x = state;
        x ^= x << 13;
        x ^= x >>> 17;
        x ^= x << 5;
        return x;
    }

    private static int mix(final int value) {
        int x = value;
        x = (x ^ (x >>> 16)) * 0x7feb352d;
        x = (x ^ (x >>> 15)) * 0x846ca68b;
        return x ^ (x >>> 16);
    }
}

package bypass.interop;

import java.util.BitSet;
import org.agrona.DirectBuffer;

/**
 * Counts what arrived and what went wrong on the way. Producers are 0 … producers-1, each sends `count` messages.
 * Several producers may share one publication, so an empty message belongs to whoever misses one later.
 */
final class MessageVerifier {
    private final int seed;
    private final int producers;
    private final int count;
    private final int maxLength;
    private final int[] expected;
    private final BitSet[] seen;
    private int emptyAvailable;
    private boolean finished;

    long received;
    long bytes;
    long lost;
    long duplicated;
    long reordered;
    long corrupted;

    MessageVerifier(final int seed, final int producers, final int count, final int maxLength) {
        this.seed = seed;
        this.producers = producers;
        this.count = count;
        this.maxLength = maxLength;
        expected = new int[producers];
        seen = new BitSet[producers];
        for (int i = 0; i < producers; i++) {
            seen[i] = new BitSet(count);
        }
    }

    boolean isComplete() {
        return received >= (long)producers * count;
    }

    boolean isPerfect() {
        return finished && isComplete() && lost + duplicated + reordered + corrupted == 0;
    }

    void onMessage(final DirectBuffer buffer, final int offset, final int length) {
        received++;
        bytes += length;
        if (length == 0) {
            onEmptyMessage();
            return;
        }
        if (length < CheckedMessage.HEADER_LENGTH ||
            CheckedMessage.getInt(buffer, offset) != CheckedMessage.checksum(buffer, offset, length) ||
            CheckedMessage.getInt(buffer, offset + 12) != length) {
            corrupted++;
            return;
        }
        final int producer = CheckedMessage.getInt(buffer, offset + 4);
        final int index = CheckedMessage.getInt(buffer, offset + 8);
        if (producer < 0 || producer >= producers || index < 0 || index >= count ||
            lengthOf(producer, index) != length) {
            corrupted++;
            return;
        }
        if (index < expected[producer]) {
            onLateMessage(producer, index);
            return;
        }
        skipTo(producer, index);
        seen[producer].set(index);
        expected[producer] = index + 1;
    }

    /** What never came counts as lost. */
    void finish() {
        for (int producer = 0; producer < producers; producer++) {
            skipTo(producer, count);
        }
        duplicated += emptyAvailable;
        emptyAvailable = 0;
        finished = true;
    }

    private void onEmptyMessage() {
        if (producers > 1) {
            emptyAvailable++;
        } else if (expected[0] < count && lengthOf(0, expected[0]) == 0) {
            seen[0].set(expected[0]++);
        } else {
            corrupted++;
        }
    }

    private void onLateMessage(final int producer, final int index) {
        if (seen[producer].get(index)) {
            duplicated++;
        } else {
            seen[producer].set(index);
            reordered++;
            lost--;
        }
    }

    private void skipTo(final int producer, final int index) {
        for (int i = expected[producer]; i < index; i++) {
            if (emptyAvailable > 0 && lengthOf(producer, i) == 0) {
                emptyAvailable--;
                seen[producer].set(i);
            } else {
                lost++;
            }
        }
        expected[producer] = index;
    }

    private int lengthOf(final int producer, final int index) {
        return CheckedMessage.lengthOf(CheckedMessage.stateOf(seed, producer, index), maxLength);
    }
}

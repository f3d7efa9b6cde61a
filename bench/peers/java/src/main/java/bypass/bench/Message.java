package bypass.bench;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.logbuffer.BufferClaim;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/** A prepared message, and what is stamped into it: a sequence number and a time. */
final class Message {
    private static final int SEQUENCE_OFFSET = 0;
    private static final int TIME_STAMP_OFFSET = 8;
    private static final byte FILL = 0x5a;

    private final UnsafeBuffer prepared;
    private final int length;
    private final BufferClaim claim = new BufferClaim();

    Message(final int length) {
        this.length = length;
        prepared = new UnsafeBuffer(new byte[length]);
        prepared.setMemory(0, length, FILL);
    }

    static long sequence(final DirectBuffer buffer, final int offset) {
        return buffer.getLong(offset + SEQUENCE_OFFSET, LITTLE_ENDIAN);
    }

    static long timeStampNs(final DirectBuffer buffer, final int offset) {
        return buffer.getLong(offset + TIME_STAMP_OFFSET, LITTLE_ENDIAN);
    }

    /** Whether it was taken. */
    boolean offer(final ExclusivePublication publication, final long sequence, final long timeStampNs) {
        final long position = length <= publication.maxPayloadLength() ?
            claim(publication, sequence, timeStampNs) : offerFragmented(publication, sequence, timeStampNs);
        if (position <= Publication.CLOSED) {
            throw new IllegalStateException("offer: " + Publication.errorString(position));
        }
        return position > 0;
    }

    private long claim(final ExclusivePublication publication, final long sequence, final long timeStampNs) {
        final long position = publication.tryClaim(length, claim);
        if (position > 0) {
            final MutableDirectBuffer buffer = claim.buffer();
            final int offset = claim.offset();
            buffer.putBytes(offset, prepared, 0, length);
            stamp(buffer, offset, sequence, timeStampNs);
            claim.commit();
        }
        return position;
    }

    private long offerFragmented(
        final ExclusivePublication publication, final long sequence, final long timeStampNs) {
        stamp(prepared, 0, sequence, timeStampNs);
        return publication.offer(prepared, 0, length);
    }

    private static void stamp(
        final MutableDirectBuffer buffer, final int offset, final long sequence, final long timeStampNs) {
        buffer.putLong(offset + SEQUENCE_OFFSET, sequence, LITTLE_ENDIAN);
        buffer.putLong(offset + TIME_STAMP_OFFSET, timeStampNs, LITTLE_ENDIAN);
    }
}

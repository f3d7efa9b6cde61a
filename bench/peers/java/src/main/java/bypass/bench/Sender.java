package bypass.bench;

import io.aeron.ExclusivePublication;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** Sends message i on stream i % streams, with the sequence number i / streams. */
final class Sender {
    private static final int OFFERS_LIMIT = 64;
    private static final long NS_PER_SECOND = TimeUnit.SECONDS.toNanos(1);

    private final ExclusivePublication[] publications;
    private final Message message;
    private int stream;
    private long sequence;
    private long sent;

    Sender(final Media media, final Arguments arguments) {
        publications = media.addPublications();
        message = new Message(arguments.messageLength);
    }

    boolean isConnected() {
        return Arrays.stream(publications).allMatch(ExclusivePublication::isConnected);
    }

    long sent() {
        return sent;
    }

    /** Whether the next message was taken. */
    boolean offer(final long timeStampNs) {
        if (!message.offer(publications[stream], sequence, timeStampNs)) {
            return false;
        }
        sent++;
        if (++stream == publications.length) {
            stream = 0;
            sequence++;
        }
        return true;
    }

    /** As many as a turn may have. */
    void offerBurst() {
        for (int i = 0; i < OFFERS_LIMIT; i++) {
            if (!offer(0)) {
                break;
            }
        }
    }

    /** Sends what the schedule asks for by now, stamped with the time at which it was due. */
    void offerDue(final long startNs, final long rate, final long nowNs) {
        for (int i = 0; i < OFFERS_LIMIT; i++) {
            // Whole seconds apart, so that nothing overflows.
            final long dueNs = startNs + sent / rate * NS_PER_SECOND + sent % rate * NS_PER_SECOND / rate;
            if (dueNs - nowNs > 0 || !offer(dueNs)) {
                break;
            }
        }
    }
}

package bypass.bench;

import io.aeron.logbuffer.FragmentHandler;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** Counts what a publisher sends. */
final class Counter {
    private static final long SAMPLE_NS = TimeUnit.MILLISECONDS.toNanos(100);

    private final Media media;
    private final Arguments arguments;
    private final Media.Streams streams;
    private final long[] nextSequences;
    private final long[] samples;
    private int sampleCount;
    private long sampledMessages;
    private long startNs;
    private long messages;
    private long lost;

    Counter(final Media media, final Arguments arguments) {
        this.media = media;
        this.arguments = arguments;
        nextSequences = new long[arguments.streams];
        // A spare one for the turn in which the window ends.
        samples = new long[(int)((arguments.warmUpNs + arguments.durationNs) / SAMPLE_NS) + 100];
        streams = media.addSubscriptions(this::handler);
    }

    private FragmentHandler handler(final int stream) {
        return (buffer, offset, length, header) -> {
            final long sequence = Message.sequence(buffer, offset);
            lost += sequence - nextSequences[stream];
            nextSequences[stream] = sequence + 1;
            messages++;
        };
    }

    void run() {
        Report.ready();
        while (messages == 0) {
            media.doWork();
            streams.poll();
        }
        startNs = System.nanoTime();
        final long windowNs = countUntil(startNs + arguments.warmUpNs);
        final long messagesBefore = messages;
        final long lostBefore = lost;
        Report.window();
        final long endNs = countUntil(windowNs + arguments.durationNs);
        final long[] taken = Arrays.copyOf(samples, sampleCount);
        final Report.Window window = new Report.Window(
            messages - messagesBefore, endNs - windowNs, lost - lostBefore, media.driverStartNs);
        Report.counted(window, taken);
    }

    private long countUntil(final long endNs) {
        while (true) {
            media.doWork();
            streams.poll();
            final long nowNs = System.nanoTime();
            while (nowNs - startNs >= (sampleCount + 1) * SAMPLE_NS && sampleCount < samples.length) {
                samples[sampleCount++] = messages - sampledMessages;
                sampledMessages = messages;
            }
            if (nowNs - endNs >= 0) {
                return nowNs;
            }
        }
    }
}

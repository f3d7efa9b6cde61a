package bypass.bench;

import io.aeron.logbuffer.FragmentHandler;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/** Measures round trips to an echo. */
final class Pinger {
    private static final long ROUND_TRIP_NS_MAX = TimeUnit.HOURS.toNanos(1);
    private static final int SIGNIFICANT_DIGITS = 2;

    private final Media media;
    private final Arguments arguments;
    private final Sender sender;
    private final Media.Streams streams;
    private final long[] nextSequences;
    private final Histogram histogram = new Histogram(ROUND_TRIP_NS_MAX, SIGNIFICANT_DIGITS);
    private long startNs;
    private long answers;
    private long lost;

    Pinger(final Media media, final Arguments arguments) {
        this.media = media;
        this.arguments = arguments;
        nextSequences = new long[arguments.streams];
        sender = new Sender(media, arguments);
        streams = media.addSubscriptions(this::handler);
    }

    private FragmentHandler handler(final int stream) {
        return (buffer, offset, length, header) -> {
            final long sequence = Message.sequence(buffer, offset);
            lost += sequence - nextSequences[stream];
            nextSequences[stream] = sequence + 1;
            answers++;
            histogram.recordValue(Math.min(System.nanoTime() - Message.timeStampNs(buffer, offset), ROUND_TRIP_NS_MAX));
        };
    }

    void run() {
        Report.ready();
        while (!(sender.isConnected() && streams.areConnected())) {
            media.doWork();
        }
        startNs = System.nanoTime();
        final long windowNs = pingUntil(startNs + arguments.warmUpNs);
        histogram.reset();
        lost = 0;
        Report.window();
        final long endNs = pingUntil(windowNs + arguments.durationNs);
        final Report.Window window = new Report.Window(
            histogram.getTotalCount(), endNs - windowNs, lost, media.driverStartNs);
        Report.pinged(window, histogram);
    }

    private long pingUntil(final long endNs) {
        while (true) {
            media.doWork();
            streams.poll();
            final long nowNs = System.nanoTime();
            if (arguments.rate > 0) {
                sender.offerDue(startNs, arguments.rate, nowNs);
            } else if (sender.sent() == answers) {
                sender.offer(nowNs);
            }
            if (nowNs - endNs >= 0) {
                return nowNs;
            }
        }
    }
}

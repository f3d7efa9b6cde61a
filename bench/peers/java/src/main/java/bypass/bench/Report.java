package bypass.bench;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.HdrHistogram.Histogram;

/** The lines on standard output. */
final class Report {
    private static final double NS_PER_MS = 1e6;

    private Report() {
    }

    static void ready() {
        System.out.println("{\"event\":\"ready\"}");
    }

    static void window() {
        System.out.println("{\"event\":\"window\"}");
    }

    static void counted(final Window window, final long[] samples) {
        result(window, "\"samples\":" + Arrays.toString(samples));
    }

    static void pinged(final Window window, final Histogram histogram) {
        final String buckets = StreamSupport.stream(histogram.recordedValues().spliterator(), false)
            .map(bucket -> "[" + bucket.getValueIteratedTo() + "," + bucket.getCountAtValueIteratedTo() + "]")
            .collect(Collectors.joining(","));
        result(window, "\"histogram\":[" + buckets + "]");
    }

    private static void result(final Window window, final String more) {
        final String counts = "\"messages\":" + window.messages + ",\"elapsedNs\":" + window.elapsedNs +
            ",\"lost\":" + window.lost;
        final String start = window.driverStartNs == 0 ? "" :
            ",\"driverStartMs\":" + window.driverStartNs / NS_PER_MS;
        System.out.println("{\"event\":\"result\"," + counts + start + "," + more + "}");
    }

    /** What any result begins with; driverStartNs is 0 where the other side runs the driver. */
    record Window(long messages, long elapsedNs, long lost, long driverStartNs) {
    }
}

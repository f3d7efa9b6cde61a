package bypass.bench;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.HdrHistogram.Histogram;

/** The lines on standard output. */
final class Report {
    private Report() {
    }

    static void ready() {
        System.out.println("{\"event\":\"ready\"}");
    }

    static void window() {
        System.out.println("{\"event\":\"window\"}");
    }

    static void counted(final long messages, final long elapsedNs, final long lost, final long[] samples) {
        result(messages, elapsedNs, lost, "\"samples\":" + Arrays.toString(samples));
    }

    static void pinged(final long elapsedNs, final long lost, final Histogram histogram) {
        final String buckets = StreamSupport.stream(histogram.recordedValues().spliterator(), false)
            .map(bucket -> "[" + bucket.getValueIteratedTo() + "," + bucket.getCountAtValueIteratedTo() + "]")
            .collect(Collectors.joining(","));
        result(histogram.getTotalCount(), elapsedNs, lost, "\"histogram\":[" + buckets + "]");
    }

    private static void result(final long messages, final long elapsedNs, final long lost, final String more) {
        System.out.println("{\"event\":\"result\",\"messages\":" + messages + ",\"elapsedNs\":" + elapsedNs +
            ",\"lost\":" + lost + "," + more + "}");
    }
}

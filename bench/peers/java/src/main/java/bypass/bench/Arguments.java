package bypass.bench;

import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** What this side is asked to do. */
final class Arguments {
    private static final int MEBIBYTE = 1024 * 1024;

    final String role;
    final int side;
    final String folder;
    final boolean isIpc;
    /** Side 0's and side 1's. */
    final int[] ports;
    final int messageLength;
    final int mtu;
    final int streams;
    /** Pings a second by a fixed schedule; 0: one in flight. */
    final long rate;
    final long warmUpNs;
    final long durationNs;
    final int termLength;
    final int windowLength;
    final int socketBufferLength;

    private final Map<String, String> values;

    Arguments(final String[] words) {
        values = Arrays.stream(words)
            .map(word -> word.split("=", 2))
            .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
        role = text("role");
        side = Integer.parseInt(text("side"));
        folder = text("folder");
        isIpc = text("media").equals("ipc");
        ports = Arrays.stream(text("ports").split(",")).mapToInt(Integer::parseInt).toArray();
        messageLength = Integer.parseInt(text("messageLength"));
        mtu = Integer.parseInt(text("mtu"));
        streams = number("streams", 1);
        rate = number("rate", 0);
        warmUpNs = TimeUnit.MILLISECONDS.toNanos(Long.parseLong(text("warmUpMs")));
        durationNs = TimeUnit.MILLISECONDS.toNanos(Long.parseLong(text("durationMs")));
        termLength = number("termLength", MEBIBYTE);
        windowLength = number("windowLength", MEBIBYTE);
        socketBufferLength = number("socketBufferLength", 2 * MEBIBYTE);
    }

    private String text(final String key) {
        final String value = values.get(key);
        if (value == null) {
            throw new IllegalArgumentException(key + "= is missing");
        }
        return value;
    }

    private int number(final String key, final int otherwise) {
        final String value = values.get(key);
        return value == null ? otherwise : Integer.parseInt(value);
    }
}

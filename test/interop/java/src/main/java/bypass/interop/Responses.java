package bypass.interop;

import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Subscription;
import io.aeron.logbuffer.FragmentHandler;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.BooleanSupplier;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * One side of requests and responses over response channels: role= requester or responder, dir=, requests= and responses= the
 * channels, count= messages each way. Prints READY, and DONE when every request was answered.
 */
public final class Responses {
    private static final int REQUEST_STREAM = 1001;
    private static final int RESPONSE_STREAM = 1002;
    private static final long DEADLINE_NS = 60_000_000_000L;

    private Responses() {
    }

    public static void main(final String[] words) {
        final Arguments arguments = new Arguments(words);
        final Aeron.Context context = new Aeron.Context().aeronDirectoryName(arguments.text("dir"));
        try (Aeron aeron = Aeron.connect(context)) {
            if ("requester".equals(arguments.text("role"))) {
                request(aeron, arguments);
            } else {
                respond(aeron, arguments);
            }
        }
        System.out.println("DONE");
    }

    private static void request(final Aeron aeron, final Arguments arguments) {
        final int count = arguments.number("count");
        final Subscription responses = aeron.addSubscription(arguments.text("responses"), RESPONSE_STREAM);
        final String channel = arguments.text("requests") + "|response-correlation-id=" + responses.registrationId();
        final ExclusivePublication requests = aeron.addExclusivePublication(channel, REQUEST_STREAM);
        System.out.println("READY");
        await(() -> requests.isConnected() && responses.isConnected());
        final int[] answered = new int[1];
        final FragmentHandler onAnswer = (buffer, offset, length, header) -> {
            final String text = buffer.getStringWithoutLengthUtf8(offset, length);
            if (!text.equals("answer to request " + answered[0])) {
                throw new IllegalStateException("answer " + answered[0] + " is " + text);
            }
            answered[0]++;
        };
        for (int i = 0; i < count; i++) {
            final DirectBuffer message = new UnsafeBuffer(("request " + i).getBytes());
            await(() -> requests.offer(message) > 0);
        }
        await(() -> responses.poll(onAnswer, 10) >= 0 && answered[0] == count);
    }

    private static void respond(final Aeron aeron, final Arguments arguments) {
        final int count = arguments.number("count");
        final Subscription requests = aeron.addSubscription(arguments.text("requests"), REQUEST_STREAM);
        System.out.println("READY");
        await(requests::isConnected);
        final long requester = requests.imageAtIndex(0).correlationId();
        final String channel = arguments.text("responses") + "|response-correlation-id=" + requester;
        final ExclusivePublication responses = aeron.addExclusivePublication(channel, RESPONSE_STREAM);
        await(responses::isConnected);
        final Deque<String> asked = new ArrayDeque<>();
        final FragmentHandler onRequest = (buffer, offset, length, header) ->
            asked.add(buffer.getStringWithoutLengthUtf8(offset, length));
        for (int i = 0; i < count; i++) {
            await(() -> requests.poll(onRequest, 10) >= 0 && !asked.isEmpty());
            final DirectBuffer message = new UnsafeBuffer(("answer to " + asked.remove()).getBytes());
            await(() -> responses.offer(message) > 0);
        }
        await(() -> !requests.isConnected());
    }

    private static void await(final BooleanSupplier condition) {
        final long startNs = System.nanoTime();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - startNs > DEADLINE_NS) {
                throw new IllegalStateException("nothing happened in a minute");
            }
            Thread.yield();
        }
    }
}

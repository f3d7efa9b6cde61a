package bypass.interop;

import io.aeron.Aeron;
import io.aeron.FragmentAssembler;
import io.aeron.Subscription;

/** Verifies checked messages: dir= channel= stream= count= (of each producer) seed= producers= maxLength=. */
public final class CheckedSubscriber {
    private static final int FRAGMENT_LIMIT = 64;

    private CheckedSubscriber() {
    }

    public static void main(final String[] words) {
        final Arguments arguments = new Arguments(words);
        final String channel = arguments.text("channel");
        final MessageVerifier verifier = new MessageVerifier(
            arguments.number("seed"),
            arguments.number("producers"),
            arguments.number("count"),
            arguments.number("maxLength"));
        final FragmentAssembler assembler =
            new FragmentAssembler((buffer, offset, length, header) -> verifier.onMessage(buffer, offset, length));
        final Aeron.Context context = new Aeron.Context().aeronDirectoryName(arguments.text("dir"));

        String trouble = "";
        try (Aeron aeron = Aeron.connect(context);
            Subscription subscription = aeron.addSubscription(channel, arguments.number("stream"))) {

            System.out.println("READY");
            final Progress progress = new Progress("messages on " + channel);
            try {
                while (!verifier.isComplete()) {
                    progress.idle(subscription.poll(assembler, FRAGMENT_LIMIT));
                }
            } catch (final IllegalStateException ex) {
                trouble = ex.getMessage();
            }
            // Anything that comes after the last message is one too many.
            for (int i = 0; i < 100; i++) {
                subscription.poll(assembler, FRAGMENT_LIMIT);
            }
        }
        verifier.finish();
        System.out.println(String.format(
            "{\"role\":\"subscriber\",\"received\":%d,\"bytes\":%d,\"lost\":%d,\"duplicated\":%d," +
            "\"reordered\":%d,\"corrupted\":%d,\"trouble\":\"%s\"}",
            verifier.received, verifier.bytes, verifier.lost, verifier.duplicated,
            verifier.reordered, verifier.corrupted, trouble));
        System.exit(verifier.isPerfect() ? 0 : 1);
    }
}

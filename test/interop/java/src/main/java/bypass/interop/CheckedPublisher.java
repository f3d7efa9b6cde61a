package bypass.interop;

import io.aeron.Aeron;
import io.aeron.Publication;
import java.nio.ByteBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/** Publishes checked messages: dir= channel= stream= count= seed= producer= maxLength= exclusive= [destinations=]. */
public final class CheckedPublisher {
    private CheckedPublisher() {
    }

    public static void main(final String[] words) {
        final Arguments arguments = new Arguments(words);
        final int count = arguments.number("count");
        final int seed = arguments.number("seed");
        final int producer = arguments.number("producer");
        final int maxLength = arguments.number("maxLength");
        final String channel = arguments.text("channel");
        final int stream = arguments.number("stream");
        final UnsafeBuffer buffer = new UnsafeBuffer(ByteBuffer.allocateDirect(maxLength));
        final Aeron.Context context = new Aeron.Context().aeronDirectoryName(arguments.text("dir"));

        long bytes = 0;
        long position;
        try (Aeron aeron = Aeron.connect(context);
            Publication publication = arguments.flag("exclusive") ?
                aeron.addExclusivePublication(channel, stream) : aeron.addPublication(channel, stream)) {

            for (final String destination : arguments.list("destinations")) {
                publication.addDestination(destination);
            }
            System.out.println("READY");
            final Progress connecting = new Progress("a subscriber on " + channel);
            while (!publication.isConnected()) {
                connecting.idle(0);
            }
            final Progress publishing = new Progress("the publication limit of " + channel);
            for (int index = 0; index < count; index++) {
                final int length = CheckedMessage.write(buffer, 0, seed, producer, index, maxLength);
                bytes += length;
                long result;
                while ((result = publication.offer(buffer, 0, length)) < 0) {
                    if (result == Publication.CLOSED || result == Publication.MAX_POSITION_EXCEEDED) {
                        throw new IllegalStateException("offer: " + Publication.errorString(result));
                    }
                    publishing.idle(0);
                }
                publishing.idle(1);
            }
            position = publication.position();
        }
        System.out.println(String.format(
            "{\"role\":\"publisher\",\"sent\":%d,\"bytes\":%d,\"position\":%d}", count, bytes, position));
    }
}

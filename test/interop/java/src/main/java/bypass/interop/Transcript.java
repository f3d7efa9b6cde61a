package bypass.interop;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.aeron.Aeron;
import io.aeron.ChannelUriStringBuilder;
import io.aeron.Counter;
import io.aeron.ErrorCode;
import io.aeron.ExclusivePublication;
import io.aeron.FragmentAssembler;
import io.aeron.Image;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.exceptions.RegistrationException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.status.CountersReader;

/**
 * Drives a client through its interface and prints what it saw, one step a line: dir= port= (and the four ports after
 * it). What differs from run to run, such as ids and ports the kernel chose, is not printed, so the transcripts of two
 * drivers can be compared.
 */
public final class Transcript {
    private static final int FRAGMENT_LIMIT = 16;

    private final List<String> images = new CopyOnWriteArrayList<>();
    private final List<String> publicationErrors = new CopyOnWriteArrayList<>();
    private final UnsafeBuffer message = new UnsafeBuffer(new byte[64 * 1024]);
    private final int port;
    private final Aeron aeron;
    private String step = "";
    /** Another in each step: a closed publication may go on about its stream for a while. */
    private int streamId = 1000;

    private Transcript(final String directory, final int port) {
        this.port = port;
        aeron = Aeron.connect(new Aeron.Context()
            .aeronDirectoryName(directory)
            .clientName("transcript")
            .errorHandler((error) -> System.out.println("error handler: " + error.getClass().getSimpleName()))
            .availableImageHandler((image) -> images.add("available " + describe(image)))
            .unavailableImageHandler((image) -> images.add("unavailable " + describe(image)))
            .publicationErrorFrameHandler((frame) -> publicationErrors.add(
                frame.errorCode() + " " + frame.errorMessage() + " stream " + (frame.streamId() == streamId))));
    }

    public static void main(final String[] words) {
        final Arguments arguments = new Arguments(words);
        new Transcript(arguments.text("dir"), arguments.number("port")).run();
        System.out.println("DONE");
    }

    private void run() {
        try (aeron) {
            publicationChannels();
            subscriptionChannels();
            for (final String channel : new String[]{ "aeron:ipc", udp(0) }) {
                sharedPublication(channel);
                exclusivePublications(channel);
                startPosition(channel);
                endOfStream(channel);
                unconsumed(channel);
                revocation(channel);
                rejection(channel);
                sessionFilter(channel);
                largestMessages(channel);
            }
            lateSubscriber(udp(0));
            wildcardPort();
            counters();
        }
    }

    private void publicationChannels() {
        step("publications");
        for (final String channel : new String[]{
            "", "aeron", "aeron:", "udp://127.0.0.1:1", "aeron:tcp", "aeron:udp", "aeron:udp?endpoint=127.0.0.1",
            "aeron:udp?endpoint=127.0.0.1:", "aeron:udp?endpoint=127.0.0.1:x", "aeron:udp?endpoint=127.0.0.1:70000",
            "aeron:udp?endpoint=127.0.0.1:0", "aeron:udp?endpoint=no.such.host.invalid:4000",
            "aeron:udp?endpoint", "aeron:ipc?term-length=1000", "aeron:ipc?term-length=32k",
            "aeron:ipc?term-length=2g", "aeron:ipc?term-length=x", "aeron:ipc?mtu=10", "aeron:ipc?mtu=1400",
            "aeron:ipc?mtu=70000", "aeron:ipc?session-id=x", "aeron:ipc?linger=x",
            "aeron:ipc?term-id=1", "aeron:ipc?term-id=1|init-term-id=0",
            "aeron:ipc?term-id=0|init-term-id=0|term-offset=31|term-length=64k",
            "aeron:ipc?term-id=0|init-term-id=0|term-offset=128k|term-length=64k",
            "aeron:ipc?term-id=-5|init-term-id=0|term-offset=0|term-length=64k",
            "aeron:ipc?term-offset=32", "aeron:ipc?fc=none", "aeron:ipc?endpoint=127.0.0.1:1",
            "aeron:ipc?unknown=1", "aeron:ipc?alias=hello", "aeron:udp?endpoint=127.0.0.1:1|fc=unknown",
            "aeron:udp?endpoint=127.0.0.1:1|interface=300.1.1.1", "aeron:udp?endpoint=127.0.0.1:1|so-sndbuf=x",
            "aeron:udp?endpoint=127.0.0.1:1|mtu=60k", "aeron:udp?endpoint=127.0.0.1:1|pub-wnd=2k",
            "aeron:udp?endpoint=127.0.0.1:1|eos=false", "aeron:udp?endpoint=127.0.0.1:1|max-resend=1000",
        }) {
            attemptChannel("concurrent " + channel, () -> publish(channel).close());
            attemptChannel("exclusive " + channel, () -> publishAlone(channel).close());
        }
    }

    private void subscriptionChannels() {
        step("subscriptions");
        for (final String channel : new String[]{
            "", "aeron:", "aeron:tcp", "aeron:udp", "aeron:udp?endpoint=127.0.0.1",
            "aeron:udp?endpoint=127.0.0.1:70000", "aeron:udp?endpoint=no.such.host.invalid:4000",
            "aeron:udp?endpoint=1.2.3.4:4000", "aeron:ipc?session-id=x",
            "aeron:ipc?rejoin=false", "aeron:ipc?sparse=true", "aeron:ipc?unknown=1", "aeron:ipc?term-length=64k",
            "aeron:udp?endpoint=127.0.0.1:" + (port + 3) + "|rcv-wnd=x",
            "aeron:udp?endpoint=127.0.0.1:" + (port + 3) + "|so-rcvbuf=x",
            "aeron:udp?endpoint=127.0.0.1:" + (port + 3) + "|nak-delay=1ms",
        }) {
            attemptChannel("subscription " + channel, () -> subscribe(channel).close());
        }
        // Two on one port must agree.
        try (Subscription ignored = subscribe(udp(3) + "|rcv-wnd=64k")) {
            for (final String parameters : new String[]{ "", "|rcv-wnd=128k", "|reliable=false", "|so-rcvbuf=64k" }) {
                attemptChannel("second " + parameters, () -> subscribe(udp(3) + parameters).close());
            }
        }
    }

    private void sharedPublication(final String channel) {
        step("shared publication on " + name(channel));
        final String withLength = with(channel, "term-length=128k");
        try (Publication first = publish(withLength);
            Publication second = publish(withLength)) {
            print("sessions equal: " + (first.sessionId() == second.sessionId()));
            print("original: " + first.isOriginal() + " " + second.isOriginal());
            print("original ids equal: " + (first.originalRegistrationId() == second.originalRegistrationId()));
            print("ids differ: " + (first.registrationId() != second.registrationId()));
            print("term length " + first.termBufferLength() + " payload " + first.maxPayloadLength() +
                " message " + first.maxMessageLength() + " position " + first.position());
            print("connected " + first.isConnected() + " limit " + first.positionLimit() +
                " offer " + offer(first, 64));
            attempt("other term length", () -> publish(with(channel, "term-length=64k")).close());
            attempt("other mtu", () -> publish(with(channel, "mtu=1024")).close());
            attempt("own session", () -> publish(with(channel, "session-id=" + first.sessionId())).close());
            attempt("other session", () -> publish(with(channel, "session-id=" + (first.sessionId() + 1000))).close());
            attempt("taken session", () -> publishAlone(with(channel, "session-id=" + first.sessionId())).close());
            first.close();
            try (Subscription subscription = subscribe(channel)) {
                awaitTrue("connected", second::isConnected);
                awaitTrue("image", () -> subscription.imageCount() == 1);
                awaitTrue("offer", () -> offer(second, 64) > 0);
                print("received " + drain(subscription, 64));
            }
            awaitTrue("disconnected", () -> !second.isConnected());
        }
        printImages();
    }

    private void exclusivePublications(final String channel) {
        step("exclusive publications on " + name(channel));
        try (Subscription subscription = subscribe(channel);
            ExclusivePublication first = publishAlone(channel);
            ExclusivePublication second = publishAlone(with(channel, "session-id=4242"))) {
            print("sessions differ: " + (first.sessionId() != second.sessionId()) + " " + second.sessionId());
            attempt("taken session", () -> publishAlone(with(channel, "session-id=4242")).close());
            awaitTrue("images", () -> subscription.imageCount() == 2);
            print("status " + first.channelStatus() + " " + subscription.channelStatus());
            awaitTrue("offers", () -> offer(first, 100) > 0);
            awaitTrue("offers", () -> offer(second, 200) > 0);
            print("received " + drain(subscription, 300));
            print("image " + (subscription.imageBySessionId(4242) != null));
        }
        printImages();
    }

    private void startPosition(final String channel) {
        step("start position on " + name(channel));
        final String given = with(channel, "init-term-id=7|term-id=9|term-offset=96|term-length=64k");
        try (Subscription subscription = subscribe(channel);
            ExclusivePublication publication = publishAlone(given)) {
            print("position " + publication.position() + " initial term " + publication.initialTermId() +
                " offset " + publication.termOffset() + " id " + publication.termId());
            awaitTrue("image", () -> subscription.imageCount() == 1);
            final Image image = subscription.imageAtIndex(0);
            print("joined " + image.joinPosition() + " initial term " + image.initialTermId() +
                " term length " + image.termBufferLength());
            awaitTrue("offer", () -> offer(publication, 5000) > 0);
            print("received " + drain(subscription, 5000) + " position " + image.position());
        }
        printImages();
    }

    private void endOfStream(final String channel) {
        step("end of stream on " + name(channel));
        try (Subscription subscription = subscribe(channel)) {
            final Publication publication = publish(channel);
            awaitTrue("image", () -> subscription.imageCount() == 1);
            awaitTrue("offer", () -> offer(publication, 100) > 0);
            final Image image = subscription.imageAtIndex(0);
            print("transports " + image.activeTransportCount());
            publication.close();
            print("offer after close " + publication.offer(message, 0, 10));
            print("received " + drain(subscription, 100));
            awaitTrue("end of stream", image::isEndOfStream);
            print("end " + image.endOfStreamPosition() + " at " + image.position() +
                " revoked " + image.isPublicationRevoked());
            awaitTrue("no image", subscription::hasNoImages);
            print("connected " + subscription.isConnected() + " closed " + image.isClosed() +
                " at " + image.position());
        }
        printImages();
    }

    private void unconsumed(final String channel) {
        step("nobody polls on " + name(channel));
        final String withLength = with(channel, "term-length=64k");
        try (Subscription subscription = subscribe(channel);
            Publication publication = publish(withLength)) {
            awaitTrue("image", () -> subscription.imageCount() == 1);
            awaitTrue("back pressure", () -> offer(publication, 96) == Publication.BACK_PRESSURED);
            pause(500);
            while (offer(publication, 96) > 0) {
                pause(20);
            }
            print("position " + publication.position() + " limit " + publication.positionLimit());
            final int length = (int)(publication.position() / 128) * 96;
            print("received " + drain(subscription, length));
        }
        printImages();
    }

    private void revocation(final String channel) {
        step("revocation on " + name(channel));
        try (Subscription subscription = subscribe(channel)) {
            final ExclusivePublication publication = publishAlone(channel);
            awaitTrue("image", () -> subscription.imageCount() == 1);
            awaitTrue("offer", () -> offer(publication, 100) > 0);
            final Image image = subscription.imageAtIndex(0);
            print("received " + drain(subscription, 100));
            publication.revoke();
            awaitTrue("revoked", image::isPublicationRevoked);
            awaitTrue("no image", subscription::hasNoImages);
            print("end " + image.endOfStreamPosition() + " at " + image.position() + " " + image.isEndOfStream());
        }
        printImages();
    }

    private void rejection(final String channel) {
        step("rejection on " + name(channel));
        try (Subscription subscription = subscribe(with(channel, "rejoin=false"));
            Publication publication = publish(channel)) {
            awaitTrue("image", () -> subscription.imageCount() == 1);
            attempt("reject", () -> subscription.imageAtIndex(0).reject("no thanks"));
            awaitTrue("told", () -> !publicationErrors.isEmpty());
            awaitTrue("no image", subscription::hasNoImages);
            awaitTrue("disconnected", () -> !publication.isConnected());
            print("told " + publicationErrors.get(0));
        }
        publicationErrors.clear();
        printImages();
    }

    private void lateSubscriber(final String channel) {
        step("late subscriber on " + name(channel));
        try (Subscription early = subscribe(channel);
            Publication publication = publish(channel)) {
            awaitTrue("image", () -> early.imageCount() == 1);
            awaitTrue("offer", () -> offer(publication, 1000) > 0);
            print("received " + drain(early, 1000));
            try (Subscription late = subscribe(channel)) {
                awaitTrue("image", () -> late.imageCount() == 1);
                print("joined " + late.imageAtIndex(0).joinPosition());
                awaitTrue("offer", () -> offer(publication, 1000) > 0);
                print("received " + drain(early, 1000) + " " + drain(late, 1000));
            }
            awaitTrue("offer", () -> offer(publication, 1000) > 0);
            print("received " + drain(early, 1000) + " connected " + publication.isConnected());
        }
        printImages();
    }

    private void sessionFilter(final String channel) {
        step("session filter on " + name(channel));
        try (Subscription subscription = subscribe(with(channel, "session-id=77"));
            ExclusivePublication other = publishAlone(with(channel, "session-id=76"));
            ExclusivePublication wanted = publishAlone(with(channel, "session-id=77"))) {
            awaitTrue("connected", wanted::isConnected);
            awaitTrue("image", () -> subscription.imageCount() == 1);
            print("session " + subscription.imageAtIndex(0).sessionId() + " other connected " + other.isConnected());
        }
        printImages();
    }

    private void largestMessages(final String channel) {
        step("largest messages on " + name(channel));
        try (Subscription subscription = subscribe(channel);
            Publication publication = publish(with(channel, "term-length=256k|mtu=8k"))) {
            awaitTrue("image", () -> subscription.imageCount() == 1);
            final int length = publication.maxMessageLength();
            print("length " + length);
            for (int i = 0; i < 40; i++) {
                while (offer(publication, length) < 0) {
                    pause(1);
                }
                final int received = drain(subscription, length);
                if (received != length) {
                    print("received " + received);
                }
            }
            awaitTrue("room", () -> publication.availableWindow() > length);
            attempt("longer", () -> publication.offer(message, 0, length + 1));
            print("position " + publication.position());
        }
        printImages();
    }

    private void wildcardPort() {
        step("wildcard port");
        try (Subscription subscription = subscribe("aeron:udp?endpoint=127.0.0.1:0")) {
            awaitTrue("endpoint", () -> subscription.resolvedEndpoint() != null);
            print("addresses " + subscription.localSocketAddresses().size());
            final String channel = subscription.tryResolveChannelEndpointPort();
            try (Publication publication = publish(channel)) {
                awaitTrue("connected", publication::isConnected);
                awaitTrue("offer", () -> offer(publication, 100) > 0);
                print("received " + drain(subscription, 100) + " addresses " +
                    publication.localSocketAddresses().size());
            }
        }
        printImages();
    }

    private void counters() {
        step("counters");
        final CountersReader reader = aeron.countersReader();
        final UnsafeBuffer key = new UnsafeBuffer("a key".getBytes(US_ASCII));
        final Counter counter = aeron.addCounter(1500, key, 0, 5, label("a label"), 0, 7);
        final int id = counter.id();
        counter.setRelease(99);
        print("label " + reader.getCounterLabel(id) + " type " + reader.getCounterTypeId(id) + " value " +
            reader.getCounterValue(id) + " owner " + (reader.getCounterOwnerId(id) == aeron.clientId()) +
            " registration " + (reader.getCounterRegistrationId(id) == counter.registrationId()) +
            " state " + reader.getCounterState(id));
        counter.close();
        awaitTrue("reclaimed", () -> reader.getCounterState(id) == CountersReader.RECORD_RECLAIMED);
        final Counter one = aeron.addStaticCounter(1501, "static", 5);
        final Counter same = aeron.addStaticCounter(1501, "static", 5);
        print("same static " + (one.id() == same.id()) + " owner " + reader.getCounterOwnerId(one.id()) +
            " registration " + reader.getCounterRegistrationId(one.id()));
        attempt("next session", () -> {
            final int session = aeron.nextSessionId(streamId);
            try (Publication publication = publishAlone("aeron:ipc?session-id=" + session)) {
                print("session taken over " + (publication.sessionId() == session));
            }
        });
    }

    private static DirectBuffer label(final String text) {
        return new UnsafeBuffer(text.getBytes(US_ASCII));
    }

    private String udp(final int offset) {
        return "aeron:udp?endpoint=127.0.0.1:" + (port + offset);
    }

    private static String with(final String channel, final String parameters) {
        return channel + (channel.contains("?") ? "|" : "?") + parameters;
    }

    private static String name(final String channel) {
        return new ChannelUriStringBuilder(channel).media();
    }

    private long offer(final Publication publication, final int length) {
        return publication.offer(message, 0, length);
    }

    /** Polls until so many bytes came, and a little longer. Returns how many came. */
    private int drain(final Subscription subscription, final int length) {
        final int[] received = new int[1];
        final FragmentAssembler assembler =
            new FragmentAssembler((buffer, offset, size, header) -> received[0] += size);
        final Progress progress = new Progress("bytes");
        while (received[0] < length) {
            progress.idle(subscription.poll(assembler, FRAGMENT_LIMIT));
        }
        for (int i = 0; i < 10; i++) {
            subscription.poll(assembler, FRAGMENT_LIMIT);
        }
        return received[0];
    }

    private void awaitTrue(final String what, final BooleanSupplier condition) {
        final long deadlineNs = System.nanoTime() + 15_000_000_000L;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadlineNs) {
                print("never " + what);
                return;
            }
            pause(1);
        }
        print(what);
    }

    /** With which code a channel is refused is not the same in the official drivers of Java and of C. */
    private void attemptChannel(final String what, final Runnable action) {
        try {
            action.run();
            print("accepted " + what);
        } catch (final RegistrationException ex) {
            print("refused " + what);
        }
    }

    private Subscription subscribe(final String channel) {
        return untilAvailable(() -> aeron.addSubscription(channel, streamId));
    }

    private Publication publish(final String channel) {
        return untilAvailable(() -> aeron.addPublication(channel, streamId));
    }

    private ExclusivePublication publishAlone(final String channel) {
        return untilAvailable(() -> aeron.addExclusivePublication(channel, streamId));
    }

    /** A driver may ask to come again while it closes an endpoint of the same address. */
    private static <T> T untilAvailable(final Supplier<T> action) {
        final long deadlineNs = System.nanoTime() + 5_000_000_000L;
        while (true) {
            try {
                return action.get();
            } catch (final RegistrationException ex) {
                if (ex.errorCode() != ErrorCode.RESOURCE_TEMPORARILY_UNAVAILABLE || System.nanoTime() > deadlineNs) {
                    throw ex;
                }
                pause(1);
            }
        }
    }

    private void attempt(final String what, final Runnable action) {
        try {
            action.run();
            print(what + ": done");
        } catch (final RegistrationException ex) {
            print(what + ": " + ex.errorCode());
        } catch (final RuntimeException ex) {
            print(what + ": " + ex.getClass().getSimpleName());
        }
    }

    /** What the handlers were told since the last time, without order among images. */
    private void printImages() {
        pause(100);
        final List<String> sorted = new ArrayList<>(images);
        images.clear();
        sorted.sort(null);
        sorted.forEach(this::print);
    }

    private static String describe(final Image image) {
        final String source = image.sourceIdentity().replaceAll(":\\d+$", ":#");
        return source + " joined " + image.joinPosition() + " mtu " + image.mtuLength();
    }

    private void step(final String name) {
        step = name;
        streamId++;
    }

    private void print(final String text) {
        System.out.println(step + ": " + text);
    }

    private static void pause(final long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (final InterruptedException ex) {
            throw new IllegalStateException(ex);
        }
    }
}

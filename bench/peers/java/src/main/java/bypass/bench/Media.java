package bypass.bench;

import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.FragmentAssembler;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.protocol.DataHeaderFlyweight;
import java.util.Arrays;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.agrona.concurrent.AgentInvoker;

/** The driver and the client of this side. */
final class Media {
    private static final int FIRST_STREAM_ID = 1001;
    /** One driver serves both directions of ipc, which need stream ids of their own. */
    private static final int FIRST_IPC_ANSWER_STREAM_ID = 2001;
    static final int FRAGMENT_LIMIT = 64;

    private final Arguments arguments;
    /** Null where the other side runs the only driver. */
    private final AgentInvoker driver;
    private final Aeron aeron;
    private final AgentInvoker client;
    /** How long the driver took to start; 0 where the other side runs it. */
    final long driverStartNs;

    Media(final Arguments arguments) {
        this.arguments = arguments;
        final boolean sharesDriver = arguments.isIpc && arguments.side == 1;
        final String directory = arguments.folder + "/" + (sharesDriver ? 0 : arguments.side);
        final long startNs = System.nanoTime();
        driver = sharesDriver ? null : launchDriver(directory, arguments);
        driverStartNs = sharesDriver ? 0 : System.nanoTime() - startNs;
        aeron = Aeron.connect(new Aeron.Context()
            .aeronDirectoryName(directory)
            .useConductorAgentInvoker(true)
            .driverAgentInvoker(driver));
        client = aeron.conductorAgentInvoker();
    }

    private static AgentInvoker launchDriver(final String directory, final Arguments arguments) {
        return MediaDriver.launch(new MediaDriver.Context()
            .aeronDirectoryName(directory)
            .threadingMode(ThreadingMode.INVOKER)
            .mtuLength(arguments.mtu)
            .ipcMtuLength(arguments.mtu)
            .publicationTermBufferLength(arguments.termLength)
            .initialWindowLength(arguments.windowLength)
            .socketRcvbufLength(arguments.socketBufferLength)
            .socketSndbufLength(arguments.socketBufferLength)).sharedAgentInvoker();
    }

    /** One duty cycle of the driver and one of the client's conductor. */
    void doWork() {
        if (driver != null) {
            driver.invoke();
        }
        client.invoke();
    }

    /** The publications of this side, one a stream. */
    ExclusivePublication[] addPublications() {
        final String channel = arguments.isIpc ?
            "aeron:ipc?term-length=" + arguments.termLength :
            "aeron:udp?endpoint=127.0.0.1:" + arguments.ports[1 - arguments.side] +
            "|term-length=" + arguments.termLength + "|mtu=" + arguments.mtu;
        return streamIds(arguments.side)
            .mapToObj(streamId -> aeron.addExclusivePublication(channel, streamId))
            .toArray(ExclusivePublication[]::new);
    }

    /** What the other side's publications arrive on; `handlers` has the handler of each stream. */
    Streams addSubscriptions(final IntFunction<FragmentHandler> handlers) {
        final String channel = arguments.isIpc ?
            "aeron:ipc" : "aeron:udp?endpoint=127.0.0.1:" + arguments.ports[arguments.side];
        final boolean isFragmented = arguments.messageLength > arguments.mtu - DataHeaderFlyweight.HEADER_LENGTH;
        final Subscription[] subscriptions = streamIds(1 - arguments.side)
            .mapToObj(streamId -> aeron.addSubscription(channel, streamId))
            .toArray(Subscription[]::new);
        final FragmentHandler[] wrapped = IntStream.range(0, arguments.streams)
            .mapToObj(handlers)
            .map(handler -> isFragmented ? new FragmentAssembler(handler) : handler)
            .toArray(FragmentHandler[]::new);
        return new Streams(subscriptions, wrapped);
    }

    private IntStream streamIds(final int publishingSide) {
        final int first = arguments.isIpc && publishingSide == 1 ? FIRST_IPC_ANSWER_STREAM_ID : FIRST_STREAM_ID;
        return IntStream.range(first, first + arguments.streams);
    }

    /** One subscription a stream, each with a handler of its own. */
    static final class Streams {
        private final Subscription[] subscriptions;
        private final FragmentHandler[] handlers;
        private int next;

        private Streams(final Subscription[] subscriptions, final FragmentHandler[] handlers) {
            this.subscriptions = subscriptions;
            this.handlers = handlers;
        }

        boolean areConnected() {
            return Arrays.stream(subscriptions).allMatch(Subscription::isConnected);
        }

        /** Hands out fragments of the streams in turn: up to 64, or until every stream had its turn. */
        void poll() {
            int left = FRAGMENT_LIMIT;
            for (int i = 0; i < subscriptions.length && left > 0; i++) {
                left -= subscriptions[next].poll(handlers[next], left);
                next = next + 1 == subscriptions.length ? 0 : next + 1;
            }
        }
    }
}

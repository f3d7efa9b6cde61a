package bypass.bench;

import io.aeron.ExclusivePublication;
import io.aeron.logbuffer.FragmentHandler;

/** Answers each message on the stream it came from, with its sequence number and its time stamp. */
final class Echo {
    private final Media media;
    private final ExclusivePublication[] publications;
    private final Media.Streams streams;
    private final Message message;
    /** What was received and not answered yet. One poll hands out no more than this. */
    private final int[] answerStreams;
    private final long[] answerSequences;
    private final long[] answerTimeStampsNs;
    private int received;
    private int answered;

    Echo(final Media media, final Arguments arguments) {
        this.media = media;
        final int answersMax = arguments.streams * Media.FRAGMENT_LIMIT;
        answerStreams = new int[answersMax];
        answerSequences = new long[answersMax];
        answerTimeStampsNs = new long[answersMax];
        message = new Message(arguments.messageLength);
        publications = media.addPublications();
        streams = media.addSubscriptions(this::handler);
    }

    private FragmentHandler handler(final int stream) {
        return (buffer, offset, length, header) -> {
            answerStreams[received] = stream;
            answerSequences[received] = Message.sequence(buffer, offset);
            answerTimeStampsNs[received] = Message.timeStampNs(buffer, offset);
            received++;
        };
    }

    void run() {
        Report.ready();
        while (true) {
            media.doWork();
            if (answered == received) {
                answered = 0;
                received = 0;
                streams.poll();
            }
            while (answered < received && answer(answered)) {
                answered++;
            }
        }
    }

    private boolean answer(final int i) {
        return message.offer(publications[answerStreams[i]], answerSequences[i], answerTimeStampsNs[i]);
    }
}

package bypass.bench;

import io.aeron.driver.MediaDriverVersion;

/**
 * One side of a benchmark on the official Java driver and client: both run on this program's main thread. Arguments
 * are key=value words, results are JSON lines on standard output. It runs until it is ended by a signal.
 */
public final class Side {
    private Side() {
    }

    public static void main(final String[] words) throws InterruptedException {
        if (words.length == 1 && words[0].equals("--version")) {
            System.out.println(MediaDriverVersion.VERSION);
            return;
        }
        final Arguments arguments = new Arguments(words);
        final Media media = new Media(arguments);
        switch (arguments.role) {
            case "publish" -> publish(new Sender(media, arguments), media);
            case "count" -> new Counter(media, arguments).run();
            case "ping" -> new Pinger(media, arguments).run();
            case "echo" -> new Echo(media, arguments).run();
            default -> throw new IllegalArgumentException("role=" + arguments.role);
        }
        // The other side and the reader of the result decide when this program ends.
        Thread.currentThread().join();
    }

    private static void publish(final Sender sender, final Media media) {
        Report.ready();
        while (true) {
            media.doWork();
            sender.offerBurst();
        }
    }
}

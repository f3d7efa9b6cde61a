package bypass.interop;

import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.IOException;
import org.agrona.concurrent.ShutdownSignalBarrier;

/** The official driver until a signal, a client's request or the end of standard input: dir=, the rest by -Daeron.… properties. */
public final class JavaMediaDriver {
    private JavaMediaDriver() {
    }

    public static void main(final String[] words) {
        final Arguments arguments = new Arguments(words);
        final MediaDriver.Context context = new MediaDriver.Context()
            .aeronDirectoryName(arguments.text("dir"))
            .threadingMode(ThreadingMode.SHARED)
            .dirDeleteOnStart(true)
            .dirDeleteOnShutdown(true);
        try (ShutdownSignalBarrier barrier = new ShutdownSignalBarrier();
            MediaDriver ignored = MediaDriver.launch(context.terminationHook(barrier::signalAll))) {
            System.out.println("READY");
            signalAtEndOfInput(barrier);
            barrier.await();
        }
    }

    /** The test that started this program holds the other end: without it the driver would outlive a killed test. */
    private static void signalAtEndOfInput(final ShutdownSignalBarrier barrier) {
        final Thread thread = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    continue;
                }
            } catch (final IOException ignored) {
                // The same as the end.
            }
            barrier.signalAll();
        });
        thread.setDaemon(true);
        thread.start();
    }
}

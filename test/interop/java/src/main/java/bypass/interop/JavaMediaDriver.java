package bypass.interop;

import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import org.agrona.concurrent.ShutdownSignalBarrier;

/** The official driver until a signal: dir=, everything else by -Daeron.… properties. */
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
            MediaDriver ignored = MediaDriver.launch(context)) {
            System.out.println("READY");
            barrier.await();
        }
    }
}

package bypass.interop;

import io.aeron.CommonContext;
import java.io.File;
import org.agrona.concurrent.UnsafeBuffer;

/** Asks the driver of a directory to end: dir=, token=. Prints whether it could be asked. */
public final class Termination {
    private Termination() {
    }

    public static void main(final String[] words) {
        final Arguments arguments = new Arguments(words);
        final UnsafeBuffer token = new UnsafeBuffer(arguments.text("token").getBytes());
        final File directory = new File(arguments.text("dir"));
        System.out.println(CommonContext.requestDriverTermination(directory, token, 0, token.capacity()));
    }
}

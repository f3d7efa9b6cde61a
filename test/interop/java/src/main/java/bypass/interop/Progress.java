package bypass.interop;

import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.IdleStrategy;

/** Idles while nothing happens, and gives up when that lasts too long. */
final class Progress {
    private static final long LIMIT_NS = TimeUnit.SECONDS.toNanos(30);

    private final IdleStrategy idleStrategy =
        new BackoffIdleStrategy(20, 20, 1_000, TimeUnit.MICROSECONDS.toNanos(500));
    private final String waitingFor;
    private long lastWorkNs = System.nanoTime();
    private int idleCount;

    Progress(final String waitingFor) {
        this.waitingFor = waitingFor;
    }

    void idle(final int workCount) {
        if (workCount > 0) {
            idleCount = 0;
        } else if ((++idleCount & 63) == 1) {
            final long nowNs = System.nanoTime();
            if (idleCount == 1) {
                lastWorkNs = nowNs;
            } else if (nowNs - lastWorkNs > LIMIT_NS) {
                throw new IllegalStateException("no progress for 30 s while waiting for " + waitingFor);
            }
        }
        idleStrategy.idle(workCount);
    }
}

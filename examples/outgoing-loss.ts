/**
 * A module for `aeron.driver.dynamic.libraries`: registers an interceptor that loses a third of the datagrams that a
 * driver sends. `examples/extend-driver.ts` uses it.
 */
import { DatagramBurst, type ExtensionModule, type OutgoingInterceptor } from 'aeron-bypass/driver';

const LOSS_RATE = 1 / 3;

/** Sends datagrams one at a time, so that it can leave some out. */
class ThirdLost implements OutgoingInterceptor {
  private readonly single: DatagramBurst = new DatagramBurst();

  send(...[next, endpoint, burst, address, port]: Parameters<OutgoingInterceptor['send']>): number {
    const { single } = this;
    for (let i = 0; i < burst.count; i++) {
      // By chance: of every third one, a stream that repeats itself in threes could lose the same datagram for ever.
      if (Math.random() < LOSS_RATE) continue;
      single.clear();
      single.add(burst.handleAt(i), burst.offsetAt(i), burst.lengthAt(i));
      if (next.send(endpoint, single, address, port) === 0) return i;
    }
    return burst.count;
  }

  close(): void {
    this.single.region.close();
  }
}

export const register: ExtensionModule['register'] = (extensions) => {
  extensions.register('interceptor', 'third-lost', {
    incoming: null,
    outgoing: () => new ThirdLost(),
  });
};

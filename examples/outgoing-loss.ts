/**
 * A module for `aeron.driver.dynamic.libraries`: registers an interceptor that loses every third datagram that a driver
 * sends. `examples/extend-driver.ts` uses it.
 */
import { DatagramBurst, type ExtensionModule, type OutgoingInterceptor } from 'aeron-bypass/driver';

const DATAGRAMS_PER_LOSS = 3;

/** Sends datagrams one at a time, so that it can leave some out. */
class EveryThirdLost implements OutgoingInterceptor {
  private readonly single: DatagramBurst = new DatagramBurst();
  private count = 0;

  send(...[next, endpoint, burst, address, port]: Parameters<OutgoingInterceptor['send']>): number {
    const { single } = this;
    for (let i = 0; i < burst.count; i++) {
      if (this.count++ % DATAGRAMS_PER_LOSS === 0) continue;
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
  extensions.register('interceptor', 'every-third-lost', {
    incoming: null,
    outgoing: () => new EveryThirdLost(),
  });
};

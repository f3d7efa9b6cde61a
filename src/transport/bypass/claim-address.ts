import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../concurrent/clock.ts';
import { AeronError } from '../../util/errors.ts';
import type { BypassTransport } from './bypass-transport.ts';

const TURN_MS = 5;
const NOBODY = { onBurstEnd(): void {} };

/**
 * Waits until it is known that nobody else has the transport's address, some tenths of a second. A link that is down is not
 * waited for: the address is asked for when it comes up, and what is found then is reported.
 *
 * @throws AeronError `DPDK_ADDRESS_IN_USE` when another card has it; the transport is closed then.
 */
export async function claimAddress(transport: BypassTransport, clock: Clock): Promise<void> {
  do {
    clock.update();
    transport.poll(NOBODY);
    transport.flush();
    if (transport.conflict !== '') {
      transport.close();
      throw new AeronError(
        'DPDK_ADDRESS_IN_USE',
        `${transport.conflict}. Give one of the two hosts another address, or set aeron.dpdk.address.probes=0 to start anyway.`,
      );
    }
    if (transport.isProbing) await setTimeout(TURN_MS);
  } while (transport.isProbing);
}

import { ChannelStatus, CounterType } from '../cnc/counter-types.ts';
import { COUNTER_KEY_LENGTH_MAX, type CountersReader } from '../concurrent/counters.ts';

const CHANNEL_STATUS_ID = 0;
const ADDRESS_LENGTH = 4;
const ADDRESS = 8;

/** The addresses, `address:port`, that the sockets of a channel are bound to; none while it is not active. */
export function localSocketAddresses(counters: CountersReader, channelStatusId: number): string[] {
  const addresses: string[] = [];
  if (channelStatusOf(counters, channelStatusId) !== ChannelStatus.ACTIVE) return addresses;
  counters.forEach(({ typeId, key, value }) => {
    if (typeId !== CounterType.LOCAL_SOCKADDR || value !== ChannelStatus.ACTIVE) return;
    if (key.readInt32LE(CHANNEL_STATUS_ID) !== channelStatusId) return;
    const length = key.readInt32LE(ADDRESS_LENGTH);
    if (length <= 0 || length > COUNTER_KEY_LENGTH_MAX - ADDRESS) return;
    addresses.push(key.toString('latin1', ADDRESS, ADDRESS + length));
  });
  return addresses;
}

/**
 * A value of {@link ChannelStatus}. Channels without sockets (IPC, spies) have no counter, and are active.
 */
export function channelStatusOf(counters: CountersReader, channelStatusId: number): number {
  if (channelStatusId < 0) return ChannelStatus.ACTIVE;
  if (channelStatusId > counters.maxCounterId) return ChannelStatus.ERRORED;
  return counters.value(channelStatusId);
}

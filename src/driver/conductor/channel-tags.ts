import { ErrorCode } from '../../cnc/error-codes.ts';
import type { UdpAddresses, UdpChannel } from './channel.ts';
import type { ChannelEndpoint } from './channel-endpoint.ts';
import { CommandError } from './command-error.ts';

/**
 * Whether a channel means an endpoint by its tag. It may leave addresses and control mode out then.
 * @throws CommandError when it says others.
 */
export function meansByTag(endpoint: ChannelEndpoint, channel: UdpChannel, addresses: UdpAddresses): boolean {
  const { tag } = channel;
  if (tag === null || tag !== endpoint.channel.tag) return false;
  const mode = controlMode(channel);
  if (mode !== null && mode !== controlMode(endpoint.channel)) {
    throw mismatch('control-mode', endpoint, channel);
  }
  const { localAddress, localPort, remoteAddress, remotePort } = addresses;
  const saysNothing = localAddress === 0 && localPort === 0 && remoteAddress === 0 && remotePort === 0;
  const existing = endpoint.addresses;
  const isSame =
    remoteAddress === existing.remoteAddress &&
    remotePort === existing.remotePort &&
    localAddress === existing.localAddress &&
    (localPort === existing.localPort || (localPort === 0 && endpoint.channel.hasWildcardPort));
  if (!saysNothing && !isSame) throw mismatch('endpoint or control', endpoint, channel);
  return true;
}

function controlMode({ channel }: UdpChannel): string | null {
  return channel.uri.get('control-mode') ?? null;
}

function mismatch(what: string, endpoint: ChannelEndpoint, { tag, channel }: UdpChannel): CommandError {
  return new CommandError(
    ErrorCode.GENERIC_ERROR,
    `matching tag=${tag} has mismatched ${what}: ${channel.text} <> ${endpoint.channel.channel.text}`,
  );
}

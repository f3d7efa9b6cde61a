// hot
/** ARP for IPv4 over Ethernet, RFC 826. Offsets count from the packet's start, behind the Ethernet header. */

export const ARP_OPERATION = 6;
export const ARP_SENDER_MAC = 8;
export const ARP_SENDER_ADDRESS = 14;
export const ARP_TARGET_MAC = 18;
export const ARP_TARGET_ADDRESS = 24;
export const ARP_LENGTH = 28;

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
const ADDRESS_LENGTHS = 0x0604;

/** True when the bytes are a request or a reply for IPv4 over Ethernet; then no field lies outside them. */
export function isValidArp(view: DataView, offset: number, length: number): boolean {
  if (length < ARP_LENGTH) return false;
  const operation = view.getUint16(offset + ARP_OPERATION);
  return (
    view.getUint16(offset) === HARDWARE_ETHERNET &&
    view.getUint16(offset + 2) === PROTOCOL_IPV4 &&
    view.getUint16(offset + 4) === ADDRESS_LENGTHS &&
    (operation === ARP_REQUEST || operation === ARP_REPLY)
  );
}

export function writeArp(
  view: DataView,
  offset: number,
  operation: number,
  senderHigh: number,
  senderLow: number,
  senderAddress: number,
  targetHigh: number,
  targetLow: number,
  targetAddress: number,
): void {
  view.setUint16(offset, HARDWARE_ETHERNET);
  view.setUint16(offset + 2, PROTOCOL_IPV4);
  view.setUint16(offset + 4, ADDRESS_LENGTHS);
  view.setUint16(offset + ARP_OPERATION, operation);
  view.setUint16(offset + ARP_SENDER_MAC, senderHigh);
  view.setInt32(offset + ARP_SENDER_MAC + 2, senderLow);
  view.setInt32(offset + ARP_SENDER_ADDRESS, senderAddress);
  view.setUint16(offset + ARP_TARGET_MAC, targetHigh);
  view.setInt32(offset + ARP_TARGET_MAC + 2, targetLow);
  view.setInt32(offset + ARP_TARGET_ADDRESS, targetAddress);
}

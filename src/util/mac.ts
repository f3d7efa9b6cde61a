/** An Ethernet address: its first two octets, 0 to 65535, and its last four, as an int32. */
export interface MacAddress {
  readonly high: number;
  readonly low: number;
}

/** Reads `02:00:00:00:00:01`. Throws RangeError for what is none. Cold. */
export function parseMac(text: string): MacAddress {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw new RangeError(`${text} is not an Ethernet address such as 02:00:00:00:00:01`);
  }
  const digits = text.replaceAll(':', '');
  return { high: Number.parseInt(digits.slice(0, 4), 16), low: Number.parseInt(digits.slice(4), 16) | 0 };
}

export function formatMac(high: number, low: number): string {
  const digits = high.toString(16).padStart(4, '0') + (low >>> 0).toString(16).padStart(8, '0');
  return digits.match(/../g)!.join(':');
}

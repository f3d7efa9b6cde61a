// hot
/**
 * IP addresses as signed 32-bit integers, which V8 keeps unboxed. IPv4: first octet in the high byte, 127.0.0.1 is
 * 0x7f000001. IPv6: an address that is in use has an entry in a table that every isolate of the process
 * shares, and the entry's number stands for it wherever an IPv4 address could stand: in messages, in tables, in calls.
 * The numbers are 1 to 0xffffff, which as IPv4 addresses would be 0.x.y.z: those no host has.
 *
 * Anybody may make entries, strangers who send datagrams too. So an entry stays only as long as somebody holds it
 * ({@link retainAddress}); the others make room for new ones, those made first at first. A number that came with a datagram
 * is good while the datagram is handled, and for a while after.
 *
 * Each address belongs to a set of 16 entries, by its hash. An entry is 8 words:
 *
 * ```
 *   0       1            2 … 5     6
 *   | users | made as … | address | zone | (unused) |
 * ```
 */
const WAYS = 16;
const SETS = 1024;
const SET_MASK = SETS - 1;
const ENTRY_SHIFT = 3;
const ENTRY_WORDS = 1 << ENTRY_SHIFT;
const USERS = 0;
const MADE = 1;
const ADDRESS = 2;
const ZONE = 6;
/** In place of the number of users: somebody is writing the entry. */
const WRITING = -1;
/** Behind the entries: how many were made. */
const MADE_COUNT = SETS * WAYS * ENTRY_WORDS;
/** Two isolates that want the same entry at once: who loses looks for another, so often. */
const ATTEMPTS = 8;

/** `::`, every address of this machine. */
export const ANY_IPV6 = 1;
const FIRST_INDEX = 1;
const INDEX_MASK = 0x7fffff;
/** Set in the number of a group's address. */
const GROUP = 0x800000;
const LAST = 0xffffff;

/** Entries that this isolate found last, by hash. */
const HINTS = 256;
const hints: Int32Array = new Int32Array(HINTS);
let table: Int32Array = new Int32Array(
  new SharedArrayBuffer((MADE_COUNT + 1) * Int32Array.BYTES_PER_ELEMENT),
);
// Entry 0 is `::`, which has no others to give way to.
table[USERS] = 1;

/** What {@link adoptIpv6Addresses} of another isolate needs. Cold. */
export function sharedIpv6Addresses(): SharedArrayBuffer {
  return table.buffer as SharedArrayBuffer;
}

/** Numbers of the isolate that the table comes from mean the same here from now on; those from before mean nothing. Cold. */
export function adoptIpv6Addresses(shared: SharedArrayBuffer): void {
  table = new Int32Array(shared);
  hints.fill(0);
}

/** False for IPv4, and for 0. */
export function isIpv6(address: number): boolean {
  return (address - 1) >>> 0 < LAST;
}

/** True for groups: 224.0.0.0 to 239.255.255.255 and ff00::/8. */
export function isMulticast(address: number): boolean {
  return address >>> 28 === 0xe || address >>> 23 === 1;
}

/** True for every address of this machine: 0.0.0.0 and `::`. */
export function isWildcard(address: number): boolean {
  return address === 0 || address === ANY_IPV6;
}

/** Word 0 to 3 of an IPv6 address, the first octets in word 0. */
export function ipv6Word(address: number, index: number): number {
  return table[entryOf(address) + ADDRESS + index]!;
}

/** The interface that a link-local address is on, as the kernel numbers it; 0: none is named. */
export function ipv6Zone(address: number): number {
  return table[entryOf(address) + ZONE]!;
}

/**
 * The number of an address, made when there is none. 0 when there is no room: strangers cannot bring that about as long as
 * fewer than 16 addresses of a set are held.
 */
export function internIpv6(word0: number, word1: number, word2: number, word3: number, zone: number): number {
  if ((word0 | word1 | word2 | word3) === 0) return ANY_IPV6;
  const hash = hashOf(word0, word1, word2, word3);
  const hint = hints[hash & (HINTS - 1)]!;
  if (hint !== 0 && isAt((hint - FIRST_INDEX) << ENTRY_SHIFT, word0, word1, word2, word3, zone)) {
    return numberOf(hint, word0);
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = (((hash >>> 8) & SET_MASK) * WAYS) << ENTRY_SHIFT;
    let entry = find(first, word0, word1, word2, word3, zone);
    if (entry < 0) {
      const free = oldestUnused(first);
      if (free < 0) return 0;
      if (Atomics.compareExchange(table, free + USERS, 0, WRITING) !== 0) continue;
      write(free, word0, word1, word2, word3, zone);
      Atomics.store(table, free + USERS, 0); // Pairs with the load in find().
      // Another isolate may have made one, too: the first of the set is everybody's.
      entry = find(first, word0, word1, word2, word3, zone);
      if (entry < 0) continue;
      if (entry !== free && Atomics.compareExchange(table, free + USERS, 0, WRITING) === 0) {
        write(free, 0, 0, 0, 0, 0);
        Atomics.store(table, free + USERS, 0);
      }
    }
    const index = (entry >>> ENTRY_SHIFT) + FIRST_INDEX;
    hints[hash & (HINTS - 1)] = index;
    return numberOf(index, word0);
  }
  return 0;
}

/** Somebody keeps an address beyond the datagram that it came with. Of IPv4, nothing is to be done. Returns it. */
export function retainAddress(address: number): number {
  if (isIpv6(address)) Atomics.add(table, entryOf(address) + USERS, 1);
  return address;
}

/** Somebody who kept an address does not any more. */
export function releaseAddress(address: number): void {
  if (isIpv6(address)) Atomics.sub(table, entryOf(address) + USERS, 1);
}

function entryOf(address: number): number {
  // A number that nobody was given is some entry's all the same: nothing outside of the table is touched.
  return (((address & INDEX_MASK) - FIRST_INDEX) & (SETS * WAYS - 1)) << ENTRY_SHIFT;
}

function numberOf(index: number, word0: number): number {
  return word0 >>> 24 === 0xff ? index | GROUP : index;
}

function isAt(
  entry: number,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  zone: number,
): boolean {
  return (
    table[entry + ADDRESS + 3] === word3 &&
    table[entry + ADDRESS + 2] === word2 &&
    table[entry + ADDRESS + 1] === word1 &&
    table[entry + ADDRESS] === word0 &&
    table[entry + ZONE] === zone
  );
}

function find(
  first: number,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  zone: number,
): number {
  for (let way = 0; way < WAYS; way++) {
    const entry = first + (way << ENTRY_SHIFT);
    if (Atomics.load(table, entry + USERS) === WRITING) continue; // Pairs with the store in internIpv6().
    if (isAt(entry, word0, word1, word2, word3, zone)) return entry;
  }
  return -1;
}

/** The entry of a set that nobody holds and that was made before all other such; -1: there is none. */
function oldestUnused(first: number): number {
  let oldest = -1;
  for (let way = 0; way < WAYS; way++) {
    const entry = first + (way << ENTRY_SHIFT);
    if (Atomics.load(table, entry + USERS) !== 0) continue;
    if (oldest < 0 || ((table[entry + MADE]! - table[oldest + MADE]!) | 0) < 0) oldest = entry;
  }
  return oldest;
}

function write(
  entry: number,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  zone: number,
): void {
  table[entry + MADE] = Atomics.add(table, MADE_COUNT, 1);
  table[entry + ADDRESS] = word0;
  table[entry + ADDRESS + 1] = word1;
  table[entry + ADDRESS + 2] = word2;
  table[entry + ADDRESS + 3] = word3;
  table[entry + ZONE] = zone;
}

function hashOf(word0: number, word1: number, word2: number, word3: number): number {
  const mixed = Math.imul(word0 ^ Math.imul(word1, 0x9e3779b1), 0x85ebca6b);
  const rest = Math.imul(word2 ^ Math.imul(word3, 0x9e3779b1), 0xc2b2ae35);
  const both = mixed ^ rest;
  return Math.imul(both ^ (both >>> 15), 0x2c1b3c6d);
}

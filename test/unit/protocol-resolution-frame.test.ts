import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeResolution,
  encodeResolution,
  RESOLUTION_TYPE_IPV4,
  RESOLUTION_TYPE_IPV6,
  type ResolutionEntry,
} from '../../src/protocol/resolution-frame.ts';
import { Prng } from '../../src/util/prng.ts';

const SELF: ResolutionEntry = {
  type: RESOLUTION_TYPE_IPV4,
  isSelf: true,
  port: 8050,
  ageMs: 0,
  address: Uint8Array.of(10, 0, 0, 1),
  name: 'A',
};
const OTHER: ResolutionEntry = {
  type: RESOLUTION_TYPE_IPV6,
  isSelf: false,
  port: 65535,
  ageMs: 258,
  address: Uint8Array.from({ length: 16 }, (_, i) => i),
  name: 'driver-two',
};

test('should write entries byte for byte as official drivers do', () => {
  const expected = [
    ...[48 + 24, 0, 0, 0, 0, 0, 7, 0],
    ...[1, 0x80, 0x72, 0x1f, 0, 0, 0, 0, 10, 0, 0, 1, 1, 0, 0x41, 0],
    ...[2, 0, 0xff, 0xff, 2, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    ...[10, 0, ...Buffer.from('driver-two'), 0, 0, 0, 0],
  ];
  expected[0] = expected.length;
  assert.deepEqual([...encodeResolution([SELF, OTHER])], expected);
});

test('should read what it wrote', () => {
  assert.deepEqual(decodeResolution(encodeResolution([SELF, OTHER, SELF])), {
    entries: [SELF, OTHER, SELF],
    isValid: true,
  });
});

test('should read the entries before one that is cut, and nothing after it', () => {
  const frame = encodeResolution([SELF, OTHER]);
  for (let length = 0; length < frame.length; length++) {
    const { entries, isValid } = decodeResolution(frame.subarray(0, length));
    const whole = length >= 24 ? 1 : 0;
    // The padding of the last entry may be missing.
    const isComplete = length === 24 || length >= 24 + 26 + 10;
    if (length === 23) continue;
    assert.equal(isValid, isComplete, `${length} bytes`);
    assert.equal(entries.length, isComplete && length > 24 ? 2 : whole, `${length} bytes`);
  }
});

test('should survive any bytes', () => {
  const seed = Number(process.env.SEED ?? 20_26);
  const prng = new Prng(seed);
  for (let i = 0; i < 20_000; i++) {
    const frame = encodeResolution([SELF, OTHER]);
    for (let k = 0; k < 3; k++) frame[6 + prng.nextBelow(frame.length - 6)] = prng.next() & 0xff;
    const { entries } = decodeResolution(frame);
    for (const { name } of entries) assert.ok(name.length > 0 && name.length <= 512, `seed ${seed}, ${i}`);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, formatSize, parseDurationNs, parseSize } from '../../src/uri/units.ts';

test('sizes are bytes or have a unit', () => {
  assert.equal(parseSize('1408'), 1408);
  assert.equal(parseSize('64k'), 65536);
  assert.equal(parseSize('16M'), 16777216);
  assert.equal(parseSize('1g'), 1073741824);
  assert.equal(parseSize('0'), 0);
});

test('durations are nanoseconds or have a unit', () => {
  assert.equal(parseDurationNs('100'), 100);
  assert.equal(parseDurationNs('100ns'), 100);
  assert.equal(parseDurationNs('10us'), 10_000);
  assert.equal(parseDurationNs('200ms'), 200_000_000);
  assert.equal(parseDurationNs('5S'), 5_000_000_000);
});

test('what is no size or no duration is refused with an example of one', () => {
  for (const text of ['', 'k', '-1', '1.5k', '64kb', '1t', ' 1', '99999999g']) {
    assert.throws(() => parseSize(text), { code: 'INVALID_SIZE', message: /64k/ }, text);
  }
  for (const text of ['', 's', '-5s', '1.5s', '5m', '5 s', '9999999999999s']) {
    assert.throws(() => parseDurationNs(text), { code: 'INVALID_DURATION', message: /200ms/ }, text);
  }
});

test('a formatted size or duration is short and reads back as the same', () => {
  assert.equal(formatSize(65536), '64k');
  assert.equal(formatSize(1408), '1408');
  assert.equal(formatSize(0), '0');
  assert.equal(formatDuration(5e9), '5s');
  assert.equal(formatDuration(1500e6), '1500ms');
  assert.equal(formatDuration(0), '0ns');
  for (const value of [0, 1, 1023, 1024, 65536, 3 * 1024 ** 3, 1_000_000, 123_456_789_000]) {
    assert.equal(parseSize(formatSize(value)), value);
    assert.equal(parseDurationNs(formatDuration(value)), value);
  }
});

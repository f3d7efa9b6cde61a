import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const OUTPUTS: [string, RegExp][] = [
  ['hello', /^hello, world\nhello, Aeron\nhello, last one\n$/],
  ['request-response', /who -> WHO\nwhat -> WHAT\nwhy -> WHY\n/],
  ['extend-driver', /^100 messages arrived in order\n$/],
  ['busy-loop', /100000 round trips, [\d.]+ us each/],
];

for (const [name, expected] of OUTPUTS) {
  test(`example ${name} does what it says, and ends`, async () => {
    const file = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url));
    const { stdout, stderr } = await run(process.execPath, [file], { timeout: 60_000 });
    assert.match(stdout, expected);
    assert.equal(stderr, '');
  });
}

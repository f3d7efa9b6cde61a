import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineSource } from '../../src/cli/line-source.ts';

/** Everything a source gives, in the order of its lines. */
async function linesOf(input: Readable): Promise<Buffer[]> {
  const source = new LineSource(input);
  const lines: Buffer[] = [];
  while (!source.isExhausted) {
    const line = source.peek();
    if (line === null) {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    lines.push(Buffer.from(line));
    source.take();
  }
  return lines;
}

test('should give the same lines however the bytes are cut into chunks', async () => {
  const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array.map((byte) => byte % 16)));
  await fc.assert(
    fc.asyncProperty(bytes, fc.array(fc.nat(20)), async (text, cuts) => {
      const chunks: Buffer[] = [];
      let start = 0;
      for (const cut of [...cuts, text.length]) {
        chunks.push(text.subarray(start, start + cut));
        start += cut;
      }
      const lines = await linesOf(Readable.from(chunks.filter((chunk) => chunk.length > 0)));
      const expected = text.toString('latin1').split('\n');
      if (expected.at(-1) === '') expected.pop();
      assert.deepEqual(
        lines.map((line) => line.toString('latin1')),
        expected,
      );
    }),
    { numRuns: 200 },
  );
});

test('should stop to read ahead of a slow taker', async () => {
  let given = 0;
  const input = new Readable({
    read() {
      given++;
      this.push(Buffer.alloc(1000, 0x0a));
      if (given === 100) this.push(null);
    },
  });
  const source = new LineSource(input);
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(given < 100, `${given} chunks of 1000 lines were read ahead`);
  source.close();
});

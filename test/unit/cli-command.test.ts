import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineCommand, UsageError } from '../../src/cli/command.ts';

interface Call {
  readonly values: Readonly<Record<string, unknown>>;
  readonly words: readonly string[];
}

function commandThatRecords(calls: Call[], takesWords = false) {
  return defineCommand({
    usage: 'try [options]',
    about: 'Tries.',
    options: {
      loud: { type: 'flag', short: 'l', help: 'say more' },
      name: { type: 'text', value: 'word', help: 'a name' },
      place: { type: 'text', value: 'word', default: 'here', help: 'a place' },
      count: { type: 'integer', short: 'n', value: 'times', default: 3, min: 0, max: 10, help: 'how often' },
    },
    examples: [],
    takesWords,
    run: async (values, words) => {
      calls.push({ values, words });
      return 0;
    },
  });
}

test('should give every option its default', async () => {
  const calls: Call[] = [];
  assert.equal(await commandThatRecords(calls)([]), 0);
  assert.deepEqual(calls[0]?.values, { loud: false, name: null, place: 'here', count: 3 });
});

test('should take long and short options, and words where they are allowed', async () => {
  const calls: Call[] = [];
  await commandThatRecords(calls, true)(['-l', '--name=x', '-n', '0', 'a', '--', '--help']);
  assert.deepEqual(calls[0]?.values, { loud: true, name: 'x', place: 'here', count: 0 });
  assert.deepEqual(calls[0]?.words, ['a', '--help']);
});

for (const [name, args] of [
  ['an option it does not know', ['--nonsense']],
  ['a number outside of its range', ['--count', '11']],
  ['a number that is none', ['--count', 'many']],
  ['a fraction', ['--count', '1.5']],
  ['an empty number', ['--count=']],
  ['a missing value', ['--name']],
  ['words where none are allowed', ['word']],
] as const) {
  test(`should refuse ${name}`, async () => {
    const calls: Call[] = [];
    await assert.rejects(commandThatRecords(calls)([...args]), UsageError);
    assert.equal(calls.length, 0);
  });
}

test('should print help made of its options instead of running', async (t) => {
  const calls: Call[] = [];
  const printed: string[] = [];
  t.mock.method(process.stdout, 'write', (text: string) => printed.push(text));
  const code = await commandThatRecords(calls)(['--count', '99', '--help']);
  t.mock.restoreAll();
  assert.equal(code, 0);
  assert.equal(calls.length, 0);
  assert.match(printed.join(''), /-n, --count <times> +how often \(default: 3\)/);
});

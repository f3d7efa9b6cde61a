// biome-ignore-all lint/suspicious/noTemplateCurlyInString: programs in strings.
/** The rules for hot code find what they are there to find, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hotViolations } from './hot-rules.ts';
import { blank, functionsOf, sourceOf } from './source-tree.ts';

/** Lines that break a rule when `body` is that of a hot method. */
function violationsIn(body: string, before = ''): string[] {
  const text = `// hot\nexport class Agent {\n${before}  doWork(limit: number): number {\n    ${body}\n  }\n}\n`;
  return hotViolations(sourceOf('x.ts', text));
}

for (const body of [
  'for (const image of this.images) image.poll();',
  'this.add(...values);',
  'this.say(`${limit} images`);',
  'const header = new Header();',
  'return Number(BigInt(limit));',
  'return limit + Number(1n);',
  'this.run(() => this.poll());',
  'return { found: true };',
  'this.emit({ kind: 1 });',
  'const pair = [1, 2];',
  'return this.bytes.subarray(0, limit);',
  'this.pending.push(limit);',
  'this.bytes = Buffer.alloc(limit);',
  'try { this.poll(); } finally { this.end(); }',
  'delete this.image;',
]) {
  test(`should find: ${body}`, () => {
    assert.equal(violationsIn(body).length > 0, true);
  });
}

for (const body of [
  'for (let i = 0; i < limit; i++) this.images[i]!.poll();',
  'throw new RangeError(`${limit} is too much`);',
  'return this.images[limit - 1]!.position;',
  "this.name = 'new for (const x of y) { ... }';",
  '// new Header() would be garbage.',
  'this.map.delete(limit);',
  'if (this.push()) return 1;',
  'return limit / 2; // a / b / c `',
]) {
  test(`should leave alone: ${body}`, () => {
    assert.deepEqual(violationsIn(body), []);
  });
}

test('should leave alone what is cold', () => {
  for (const method of [
    'constructor() {',
    'static open(): Agent {',
    'async close(): Promise<void> {',
    '// cold\n  grow(): void {',
    '/** Cold: once in 4 GiB. */\n  grow(): void {',
    '/**\n   * Makes room. Cold.\n   */\n  grow(): void {',
  ]) {
    const text = `// hot\nexport class Agent {\n  ${method}\n    this.images = [new Image()];\n  }\n}\n`;
    assert.deepEqual(hotViolations(sourceOf('x.ts', text)), [], method);
  }
});

test('should say where, what, and what to use', () => {
  assert.deepEqual(violationsIn('return new Header().length;'), [
    'x.ts:4: new is banned in hot code, use an object made in the constructor and used again',
  ]);
});

test('should find the functions of a file and where they end', () => {
  const text = [
    'interface Listener {',
    '  onUdp(',
    '    length: number,',
    '  ): void;',
    '}',
    'export class Stack {',
    '  readonly limit: Limit = new Limit(3);',
    '  private readonly emit = (event: Event): void => {',
    '    this.port.post(event);',
    '  };',
    '  get length(): number {',
    '    if (this.limit) {',
    '      return 1;',
    '    }',
    '    return 0;',
    '  }',
    '}',
    'export function route(',
    '  address: number,',
    '): number {',
    '  return address;',
    '}',
  ].join('\n');
  assert.deepEqual(
    functionsOf(sourceOf('x.ts', text)).map(({ name, start, end }) => `${name} ${start + 1}–${end + 1}`),
    ['emit 8–10', 'length 11–16', 'route 18–22'],
  );
});

test('should blank strings, comments and regular expressions, and keep every line where it is', () => {
  const text =
    'const a = "new"; // new\n/* new\nnew */ const b = `new ${f("`")} new`;\nconst c = /[/"]new/;\nx = a / b / c;';
  const code = blank(text);
  assert.equal(code.includes('new'), false);
  assert.equal(code.split('\n').length, text.split('\n').length);
  assert.equal(code.endsWith('x = a / b / c;'), true);
});

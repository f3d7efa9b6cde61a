/** What files that start with `// hot` must not contain, outside of what is cold in them. */
import { type FunctionSpan, functionsOf, type SourceFile } from './source-tree.ts';

interface Rule {
  readonly pattern: RegExp;
  readonly what: string;
  readonly instead: string;
}

const RULES: readonly Rule[] = [
  { pattern: /\bfor (?:await )?\((?:const|let) [^;]* of /, what: 'for..of', instead: 'an index loop' },
  { pattern: /\.\.\./, what: 'spread or rest', instead: 'fixed arguments, or a preallocated table' },
  { pattern: /`/, what: 'a template string', instead: 'a counter, or text made in a cold method' },
  { pattern: /\bnew /, what: 'new', instead: 'an object made in the constructor and used again' },
  { pattern: /\bBigInt\b|\b\d+n\b/, what: 'BigInt', instead: 'the helpers of memory/position.ts' },
  { pattern: /=>|\bfunction\b/, what: 'a closure', instead: 'a method, bound once in the constructor' },
  { pattern: /(?:[=(,[]|\breturn)\s*\{/, what: 'an object literal', instead: 'fields, or a number' },
  { pattern: /(?:[=(,]|\breturn)\s*\[/, what: 'an array literal', instead: 'a preallocated array' },
  {
    pattern: /(?<!\bthis)\.(?:subarray|slice|map|filter|forEach|concat|reduce|splice|push|bind)\(/,
    what: 'a method that allocates or takes a closure',
    instead: 'an index loop over what is there',
  },
  {
    pattern: /\b(?:Object|JSON|Buffer|Array)\.\w+\(/,
    what: 'a call that allocates',
    instead: 'a cold method',
  },
  { pattern: /\b(?:async|await|Promise)\b/, what: 'a promise', instead: 'a number that says what happened' },
  { pattern: /\btry\b/, what: 'try', instead: 'a number that says what happened' },
  { pattern: /(?<!\.)\bdelete\b/, what: 'delete', instead: 'null or -1' },
];

export function isHot(file: SourceFile): boolean {
  return file.lines[0]!.trim() === '// hot';
}

/** Called once in the life of an object, or to be read by people. */
const COLD_NAME = /^(?:constructor|open[A-Z]?\w*|start|close|onStart|onClose|removeAll|toString)$/;
/** Static and async functions, and those that make an error. */
const COLD_SIGNATURE = /\b(?:static|async)\b|: Promise<|: \w*Error \{$/;

/**
 * Cold are functions of such names, static and async ones, and what has `// cold` on the line above or says "Cold." in
 * its description: code that runs once, at start, at the end, or when something is wrong.
 */
function isCold({ lines }: SourceFile, { name, start }: FunctionSpan): boolean {
  if (COLD_NAME.test(name) || COLD_SIGNATURE.test(lines[start]!)) return true;
  for (let i = start - 1; i >= 0; i--) {
    const line = lines[i]!.trim();
    if (line === '// cold') return true;
    const isComment = line.startsWith('*') || line.startsWith('/*') || line.startsWith('//');
    if (!isComment) return false;
    if (/\b[Cc]old\b/.test(line)) return true;
    if (line.startsWith('/*')) return lines[i - 1]?.trim() === '// cold';
  }
  return false;
}

/** Every banned form in the hot functions of a hot file, as `path:line: …`. A `throw` ends the way, so it may allocate. */
export function hotViolations(file: SourceFile): string[] {
  const violations: string[] = [];
  for (const span of functionsOf(file)) {
    if (isCold(file, span)) continue;
    let inThrow = false;
    for (let i = span.start; i <= span.end; i++) {
      const line = file.code[i]!;
      if (/\bthrow\b/.test(line)) inThrow = true;
      // Rare work in the midst of a hot function says so: `// Cold: every 100 ms.`
      const isRare = /^\s*\/\/ .*\b[Cc]old\b/.test(file.lines[i - 1] ?? '');
      if (!inThrow && !isRare) violations.push(...violationsOf(file, i, i === span.start));
      if (/;\s*$/.test(line)) inThrow = false;
    }
  }
  return violations;
}

function violationsOf(file: SourceFile, index: number, isSignature: boolean): string[] {
  const line = isSignature ? file.code[index]!.replace(/^[^(]*/, '') : file.code[index]!;
  return RULES.filter(({ pattern, what }) =>
    pattern.test(isSignature && what === 'a closure' ? '' : line),
  ).map(({ what, instead }) => `${file.path}:${index + 1}: ${what} is banned in hot code, use ${instead}`);
}

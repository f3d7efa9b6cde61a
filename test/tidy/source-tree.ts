/** The files of the project as text, and the little of their structure that the tidy rules look at. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url));

const SKIPPED: readonly string[] = ['node_modules', 'dist', 'target', '.git', 'build'];

/** Paths, relative to the project, of all files below `folder` whose name ends with `suffix`. */
export function filesBelow(folder: string, suffix: string): string[] {
  const path = join(ROOT, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .flatMap((entry) => {
      const name = join(folder, entry.name);
      if (entry.isDirectory()) return SKIPPED.includes(entry.name) ? [] : filesBelow(name, suffix);
      return name.endsWith(suffix) ? [name] : [];
    })
    .sort();
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** One TypeScript file. */
export interface SourceFile {
  readonly path: string;
  readonly lines: readonly string[];
  /** The lines with comments, and what strings contain, replaced by blanks. */
  readonly code: readonly string[];
  readonly imports: readonly Import[];
}

export interface Import {
  /** Path of the imported file, relative to the project. */
  readonly path: string;
  readonly line: number;
  readonly isTypeOnly: boolean;
}

export function readSource(path: string): SourceFile {
  return sourceOf(path, read(path));
}

/** A file as if `text` were in it. */
export function sourceOf(path: string, text: string): SourceFile {
  return { path, lines: text.split('\n'), code: blank(text).split('\n'), imports: importsOf(path, text) };
}

const IMPORT =
  /^(?:import|export)\s+(type\s)?[^;]*?from '([^']+)'|import\('([^']+)'\)|new URL\('([^']+)\.js', import/gms;

function importsOf(path: string, text: string): Import[] {
  const imports: Import[] = [];
  for (const match of text.matchAll(IMPORT)) {
    const [, type, from, dynamic, worker] = match;
    const target = from ?? dynamic ?? `${worker}.ts`;
    if (!target.startsWith('.')) continue;
    imports.push({
      path: normalize(join(dirname(path), target)),
      line: text.slice(0, match.index).split('\n').length,
      isTypeOnly: type !== undefined,
    });
  }
  return imports;
}

/** Where a regular expression can start, going by what stands before it. */
const BEFORE_REGEX = /(?:[=(,:[!&|?{};]|return|^)\s*$/;

/** Replaces comments and the insides of strings and regular expressions by blanks; line ends stay. */
export function blank(text: string): string {
  let result = '';
  let i = 0;
  const blankUpTo = (end: number): void => {
    result += text.slice(i, end).replace(/[^\n]/g, ' ');
    i = end;
  };
  while (i < text.length) {
    const two = text.slice(i, i + 2);
    const one = text[i]!;
    if (two === '//') blankUpTo(endOf(text, '\n', i));
    else if (two === '/*') blankUpTo(endOf(text, '*/', i) + 2);
    else if (
      one === "'" ||
      one === '"' ||
      one === '`' ||
      (one === '/' && BEFORE_REGEX.test(lastLine(result)))
    ) {
      const end = closing(text, i);
      result += one;
      i++;
      blankUpTo(end);
      result += text[i] ?? '';
      i++;
    } else {
      result += one;
      i++;
    }
  }
  return result;
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf('\n') + 1);
}

function endOf(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from);
  return found < 0 ? text.length : found;
}

/** Index of the character that closes the literal that starts at `start`. */
function closing(text: string, start: number): number {
  const quote = text[start]!;
  let inClass = false;
  for (let i = start + 1; i < text.length; i++) {
    const character = text[i]!;
    if (character === '\\') i++;
    else if (quote === '/' && character === '[') inClass = true;
    else if (quote === '/' && character === ']') inClass = false;
    else if (quote === '`' && character === '$' && text[i + 1] === '{') i = closingBrace(text, i + 1);
    else if (character === quote && !inClass) return i;
  }
  return text.length;
}

/** Index of the brace that closes the one at `start`, inside of a template. */
function closingBrace(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const character = text[i]!;
    if (character === "'" || character === '"' || character === '`') i = closing(text, i);
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return i;
  }
  return text.length;
}

/** A function, method, accessor, or field that holds a function. Lines count from 0, both ends included. */
export interface FunctionSpan {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const FUNCTION = /^(?:export )?(?:async )?function\*? ([\w$]+)/;
const METHOD =
  /^ {2}(?:(?:private|protected|public|static|override|async|get|set) )*\*?([\w$#]+|\[Symbol\.\w+\])(?:<[^>]*>)?\(/;
const FIELD =
  /^ {2}(?:(?:private|protected|public|static|override|readonly) )*([\w$#]+)(?:: [^=]+)? = (?:async )?\(.*(?:=>|\()/;
const OTHER_WORDS: readonly string[] = ['if', 'for', 'while', 'switch', 'return', 'catch', 'super'];

/** The functions of a file as the formatter lays them out: they end at the first `}` of their own indentation. */
export function functionsOf({ code }: SourceFile): FunctionSpan[] {
  const spans: FunctionSpan[] = [];
  for (let i = 0; i < code.length; i++) {
    const line = code[i]!;
    const name = FUNCTION.exec(line)?.[1] ?? METHOD.exec(line)?.[1] ?? FIELD.exec(line)?.[1];
    if (name === undefined || OTHER_WORDS.includes(name)) continue;
    const indent = /^ */.exec(line)![0];
    let end = i;
    while (end < code.length && !isEnd(code[end]!, indent, end === i)) end++;
    if (hasBody(line, code[end] ?? '', indent)) spans.push({ name, start: i, end });
    i = end;
  }
  return spans;
}

function isEnd(line: string, indent: string, isFirst: boolean): boolean {
  if (isFirst) return /[;}]\s*$/.test(line);
  if (line.startsWith(`${indent})`)) return line.trimEnd().endsWith(';');
  return line.startsWith(`${indent}}`) && !line.trimEnd().endsWith('{');
}

/** Otherwise it is a signature of an interface, or an abstract method. */
function hasBody(first: string, last: string, indent: string): boolean {
  return last.startsWith(`${indent}}`) || first.includes('{') || first.includes('=>');
}

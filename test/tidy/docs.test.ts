/** The pages are true where that can be checked: links lead somewhere, commands exist, what is made is current. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ERROR_CODES } from '../../src/util/error-codes.ts';
import { filesBelow, ROOT, read } from './source-tree.ts';

const PAGES: readonly string[] = [
  ...['README', 'ARCHITECTURE', 'STYLE', 'CONTRIBUTING', 'SECURITY', 'CHANGELOG'].map((name) => `${name}.md`),
  ...filesBelow('docs', '.md'),
];

interface Package {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}
const PACKAGE = JSON.parse(read('package.json')) as Package;

/** Every match of `pattern` in the pages: where, and its first group. */
function matches(pattern: RegExp): { place: string; text: string }[] {
  return PAGES.flatMap((page) =>
    read(page)
      .split('\n')
      .flatMap((line, i) =>
        [...line.matchAll(pattern)].map((match) => ({ place: `${page}:${i + 1}`, text: match[1]! })),
      ),
  );
}

function none(findings: readonly string[]): void {
  assert.equal(findings.length, 0, `\n${findings.join('\n')}`);
}

test('should link only to what is there', () => {
  const links = matches(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g).filter(({ text }) => !/^https?:/.test(text));
  assert.notEqual(links.length, 0);
  none(
    links
      .filter(({ place, text }) => !existsSync(join(ROOT, dirname(place.split(':')[0]!), text)))
      .map(({ place, text }) => `${place}: ${text} is not there, correct the link`),
  );
});

test('should name only scripts that package.json has', () => {
  none(
    matches(/\bnpm run (?:--silent )?([a-z:-]+)/g)
      .filter(({ text }) => !(text in PACKAGE.scripts))
      .map(({ place, text }) => `${place}: "npm run ${text}" is no script of package.json`),
  );
});

test('should name only files of the project in its commands', () => {
  none(
    matches(/\bnode ((?:bin|tools)\/[\w./-]+)/g)
      .filter(({ text }) => !existsSync(join(ROOT, text)))
      .map(({ place, text }) => `${place}: ${text} is not there`),
  );
});

test('should have every script and program that package.json names', () => {
  const files = [
    ...Object.values(PACKAGE.bin),
    ...Object.values(PACKAGE.scripts).flatMap((script) =>
      [...script.matchAll(/\btools\/[\w.-]+/g)].map(String),
    ),
  ];
  none(
    files.filter((file) => !existsSync(join(ROOT, file))).map((file) => `package.json: ${file} is not there`),
  );
});

test('should keep the changelog in its form', () => {
  const headings = read('CHANGELOG.md')
    .split('\n')
    .filter((line) => line.startsWith('#'));
  assert.equal(headings[0], '# Changelog');
  assert.equal(headings[1], '## [Unreleased]');
  const areas = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
  none(
    headings
      .slice(2)
      .filter((line) => !/^## \[\d+\.\d+\.\d+\] - (?:\d{4}-\d\d-\d\d|unreleased)$/.test(line))
      .filter((line) => !areas.some((area) => line === `### ${area}`))
      .map((line) => `CHANGELOG.md: "${line}" is no heading of Keep a Changelog`),
  );
  assert.ok(
    headings.some((line) => line.startsWith(`## [${PACKAGE.version}]`)),
    `CHANGELOG.md: ${PACKAGE.version}, the version in package.json, has no section`,
  );
});

test('should have current pages where they are made from tables', async () => {
  const generator = new URL('../../../tools/gen-docs.mjs', import.meta.url);
  const { pages } = (await import(generator.href)) as { pages: () => Promise<Record<string, string>> };
  none(
    Object.entries(await pages())
      .filter(([page, text]) => !existsSync(join(ROOT, page)) || read(page) !== text)
      .map(([page]) => `${page}: not current, run "node tools/gen-docs.mjs"`),
  );
});

test('should describe no error that nothing raises', () => {
  // These two list the codes.
  const tables = ['src/util/error-codes.ts', 'src/client/client-errors.ts'];
  const sources = filesBelow('src', '.ts').filter((file) => !tables.includes(file));
  const text = sources.map(read).join('\n');
  none(Object.keys(ERROR_CODES).filter((code) => !text.includes(`'${code}'`)));
});

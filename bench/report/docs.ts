/** What `docs/performance.md` has of a result: pictures, and what stands between its markers. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchResult } from '../result.ts';
import { type Chart, chartsOf } from './charts.ts';
import { COUNTED, FLATTERING, toParagraphs } from './method.ts';
import { machineLine } from './page.ts';
import { toMarkdown } from './table.ts';
import { tablesOf } from './tables.ts';

const PAGE = 'docs/performance.md';
const IMAGES = 'docs/images';
const PREFIX = 'performance-';

/** Writes the page's parts and its pictures below `root`. */
export function writeDocs(root: string, result: BenchResult): void {
  const page = join(root, PAGE);
  const charts = chartsOf(result);
  writeFileSync(page, fillMarkers(readFileSync(page, 'utf8'), partsOf(result, charts)));
  const images = join(root, IMAGES);
  mkdirSync(images, { recursive: true });
  for (const name of readdirSync(images)) if (name.startsWith(PREFIX)) rmSync(join(images, name));
  for (const { id, svg } of charts) writeFileSync(join(images, `${PREFIX}${id}.svg`), `${svg}\n`);
}

/** By the name of their marker: `chart throughput`, `table bar`, `machine`, `counted`, `flattering`. */
export function partsOf(result: BenchResult, charts: readonly Chart[]): Map<string, string> {
  return new Map([
    ['machine', `Measured on ${machineLine(result)}, by \`${result.command}\`.`],
    ['counted', toParagraphs(COUNTED)],
    ['flattering', toParagraphs(FLATTERING)],
    ...charts.map(({ id, caption }) => [`chart ${id}`, `![${caption}](images/${PREFIX}${id}.svg)`] as const),
    ...tablesOf(result).map((table) => [`table ${table.id}`, toMarkdown(table)] as const),
  ]);
}

const MARKED = /(<!-- bench: ([a-z0-9 -]+) -->\n).*?(<!-- end of bench -->)/gs;

/** Replaces what is between `<!-- bench: NAME -->` and `<!-- end of bench -->`; what a result lacks is said. */
export function fillMarkers(page: string, parts: ReadonlyMap<string, string>): string {
  return page.replace(
    MARKED,
    (_, begin: string, name: string, end: string) =>
      `${begin}${parts.get(name) ?? '(Not part of the last run.)'}\n${end}`,
  );
}

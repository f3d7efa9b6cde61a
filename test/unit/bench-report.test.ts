/** The benchmark's report: pictures, tables, pages. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { byPercentile, chartsOf } from '../../bench/report/charts.ts';
import { fillMarkers, partsOf } from '../../bench/report/docs.ts';
import { spreadOut } from '../../bench/report/line-chart.ts';
import { pageOf } from '../../bench/report/page.ts';
import { decades, niceTicks } from '../../bench/report/scale.ts';
import { toHtml, toMarkdown, toText } from '../../bench/report/table.ts';
import { tablesOf } from '../../bench/report/tables.ts';
import { fakeResult } from '../support/bench-result.ts';

const RESULT = fakeResult(2, 3);

/** Throws unless every element is closed by its own kind, in order, and texts have no bare markup. */
function checkWellFormed(xml: string): number {
  const open: string[] = [];
  let elements = 0;
  let end = 0;
  for (const match of xml.matchAll(/<(\/?)([a-zA-Z]\w*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g)) {
    const between = xml.slice(end, match.index);
    assert.doesNotMatch(between, /[<>]|&(?!(?:amp|lt|gt|quot);)/, `before ${match[0]}`);
    end = match.index + match[0].length;
    if (match[1] === '/') assert.equal(open.pop(), match[2]);
    else if (match[4] === '') open.push(match[2]!);
    elements++;
  }
  assert.deepEqual(open, []);
  assert.equal(end, xml.length);
  return elements;
}

test('should draw well-formed pictures without a coordinate that is no number', () => {
  const charts = chartsOf(RESULT);
  assert.ok(charts.length >= 12, `${charts.length}`);
  assert.equal(new Set(charts.map(({ id }) => id)).size, charts.length);
  for (const { id, svg } of charts) {
    assert.ok(checkWellFormed(svg) > 20, id);
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/, id);
    assert.match(id, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
  }
});

test('should keep what it draws within the picture', () => {
  for (const { id, svg } of chartsOf(RESULT)) {
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number);
    for (const [, name, value] of svg.matchAll(/ (x|x1|x2|cx|y|y1|y2|cy)="([^"]*)"/g)) {
      const limit = name!.includes('x') ? width! : height!;
      assert.ok(Number(value) >= 0 && Number(value) <= limit, `${id}: ${name} is ${value} of ${limit}`);
    }
  }
});

test('should draw what there is of a run that was cut short, and of one that gave nothing', () => {
  const few = { ...RESULT, runs: RESULT.runs.slice(0, 3) };
  assert.deepEqual(
    chartsOf(few).map(({ id }) => id),
    ['throughput'],
  );
  assert.deepEqual(chartsOf({ ...RESULT, runs: [] }), []);
  assert.match(pageOf({ ...RESULT, runs: [] }), /<h1>/);
});

test('should draw a run in which nothing arrived', () => {
  const runs = RESULT.runs.map((run) => ({
    ...run,
    measured: { ...run.measured!, messages: 0, samples: [], histogram: [] },
  }));
  for (const { id, svg } of chartsOf({ ...RESULT, runs })) assert.doesNotMatch(svg, /NaN|Infinity/, id);
  for (const table of tablesOf({ ...RESULT, runs })) assert.doesNotMatch(toText(table), /NaN|Infinity/);
});

test('should place a time by how rare a longer one is, the longest by the number of all', () => {
  const points = byPercentile([
    [10, 90],
    [20, 9],
    [30, 1],
  ]);
  assert.deepEqual(
    points.map(([rarity, ns]) => `${rarity}: ${ns}`),
    ['10: 10', '100: 20', '100: 30'],
  );
});

test('should show every failure and every contestant that was left out, and escape what they say', () => {
  const failed = { ...RESULT.runs[0]!, failure: 'side 1: <broken> & "gone"', measured: null };
  const missing = { ...RESULT.contestants[0]!, missing: 'install a | b' };
  const result = { ...RESULT, runs: [failed, ...RESULT.runs.slice(1)], contestants: [missing] };
  const page = pageOf(result);
  assert.ok(page.includes('side 1: &lt;broken&gt; &amp; &quot;gone&quot;'));
  assert.ok(page.includes('install a | b'));
  assert.equal(page.includes('<broken>'), false);
  const markdown = tablesOf(result).map(toMarkdown).join('\n');
  assert.ok(markdown.includes('install a \\| b'));
  assert.ok(markdown.includes('&lt;broken> &'));
});

test('should load nothing from elsewhere', () => {
  assert.doesNotMatch(
    pageOf(RESULT).replaceAll('http://www.w3.org/2000/svg', ''),
    /https?:|<script|@import|url\(/,
  );
});

test('should write tables of as many cells a row as there are columns', () => {
  for (const table of tablesOf(RESULT)) {
    const lines = toMarkdown(table).split('\n');
    assert.equal(lines.length, table.rows.length + 2);
    for (const line of lines) assert.equal(line.split(/(?<!\\)\|/).length, table.head.length + 2, line);
    checkWellFormed(toHtml(table));
    assert.equal(toText(table).split('\n').length, table.rows.length + 3);
  }
});

test('should align columns for a terminal', () => {
  const table = {
    id: 'x',
    title: 'X',
    head: ['what', 'n'],
    rows: [
      ['a', '1'],
      ['bcdef', '234'],
    ],
  };
  assert.equal(toText(table), 'X\nwhat     n\n-----  ---\na        1\nbcdef  234');
});

test('should replace what is between markers and nothing else, the same when done twice', () => {
  const page =
    'a\n<!-- bench: table bar -->\nold\n<!-- end of bench -->\nb\n<!-- bench: table none -->\n<!-- end of bench -->\n';
  const parts = new Map([['table bar', '$& new']]);
  const filled = fillMarkers(page, parts);
  assert.equal(
    filled,
    'a\n<!-- bench: table bar -->\n$& new\n<!-- end of bench -->\nb\n<!-- bench: table none -->\n(Not part of the last run.)\n<!-- end of bench -->\n',
  );
  assert.equal(fillMarkers(filled, parts), filled);
});

test('should name parts by what markers can say', () => {
  for (const [name, text] of partsOf(RESULT, chartsOf(RESULT))) {
    assert.match(name, /^[a-z0-9 -]+$/);
    assert.equal(
      fillMarkers(`<!-- bench: ${name} -->\n<!-- end of bench -->`, new Map([[name, text]])).includes(text),
      true,
    );
  }
});

test('should have a part of a full run for every marker of the page', () => {
  const page = readFileSync(new URL('../../../docs/performance.md', import.meta.url), 'utf8');
  const parts = partsOf(RESULT, chartsOf(RESULT));
  const markers = [...page.matchAll(/<!-- bench: (.*) -->/g)].map(([, name]) => name!);
  assert.deepEqual(
    markers.filter((name) => !parts.has(name)),
    [],
  );
  assert.doesNotMatch(fillMarkers(page, parts), /Not part of the last run/);
});

test('should choose round ticks that reach the largest value', () => {
  assert.deepEqual(niceTicks(28.4, 4), [0, 10, 20, 30]);
  assert.deepEqual(niceTicks(1, 4), [0, 0.5, 1]);
  assert.deepEqual(niceTicks(0, 4), [0, 0.5]);
  assert.deepEqual(decades(250, 12_000), [100, 1000, 10_000, 100_000]);
  assert.deepEqual(decades(100, 1000), [100, 1000]);
});

test('should move labels apart that would cover each other, and keep their order', () => {
  assert.deepEqual(spreadOut([50, 52, 10], 10, 0, 100), [50, 60, 10]);
  assert.deepEqual(spreadOut([99, 98], 10, 0, 100), [100, 90]);
});

/** The report as one HTML file that needs nothing else. Pure. */
import type { BenchResult } from '../result.ts';
import { type Chart, chartsOf } from './charts.ts';
import { COUNTED, FLATTERING, type Remark } from './method.ts';
import { escapeXml, THEME } from './svg.ts';
import { type Table, toHtml } from './table.ts';
import { tablesOf } from './tables.ts';

const STYLE = `${THEME}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:32px 24px 80px;background:var(--page);color:var(--ink);
  font:15px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
:root{--page:#f4f6f8;--good:#0b8043;--bad:#c5221f}
@media (prefers-color-scheme:dark){:root{--page:#0d1013;--good:#4cc38a;--bad:#ff7b72}}
h1{font-size:28px;margin:0 0 4px}h2{font-size:20px;margin:48px 0 8px}h3{font-size:15px;margin:28px 0 8px}
p,li{max-width:80ch}.muted,figcaption{color:var(--muted);font-size:13px}
figure{margin:16px 0 28px}figure svg{display:block;width:100%;height:auto;border:1px solid var(--grid);border-radius:8px}
figcaption{margin:6px 4px}
.scroll{overflow-x:auto;background:var(--surface);border:1px solid var(--grid);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th{color:var(--muted);font-weight:600}tr:last-child td{border-bottom:0}
th:first-child,td:first-child{text-align:left}td:first-child{white-space:normal;min-width:14em}
.words td{white-space:pre-wrap;text-align:left;vertical-align:top;overflow-wrap:anywhere}.words th{text-align:left}
.bar td:last-child{font-weight:600;color:var(--good)}.bar .missed td:last-child{color:var(--bad)}
.bar .unknown td:last-child{color:var(--muted)}
pre{overflow-x:auto;font-size:12px;padding:12px;background:var(--surface);border:1px solid var(--grid);border-radius:8px}
summary{cursor:pointer;color:var(--muted)}`;

const SECTIONS: readonly { title: string; charts: RegExp; tables: RegExp }[] = [
  { title: 'Throughput', charts: /^throughput/, tables: /^throughput/ },
  { title: 'Round trips', charts: /^(?:round-trip|tail)/, tables: /^(?:round-trip|tail)/ },
  { title: 'IPC', charts: /^ipc/, tables: /^ipc/ },
  {
    title: 'Streams, clients, loss',
    charts: /^(?:streams|clients|loss)$/,
    tables: /^(?:streams|clients|loss)$/,
  },
  { title: 'Packets', charts: /^packets$/, tables: /^packets$/ },
  { title: 'Processor time and memory', charts: /^$/, tables: /^(?:cpu|memory)$/ },
  { title: 'Start and steady state', charts: /^$/, tables: /^(?:cold-start|steady)$/ },
  { title: 'Contestants', charts: /^$/, tables: /^(?:contestants|failures)$/ },
];

export function pageOf(result: BenchResult): string {
  const [charts, tables] = [chartsOf(result), tablesOf(result)];
  const sections = SECTIONS.map(({ title, charts: isChart, tables: isTable }) => {
    const parts = [
      ...charts.filter(({ id }) => isChart.test(id)).map(figure),
      ...tables.filter(({ id }) => isTable.test(id)).map(titled),
    ];
    return parts.length === 0 ? '' : `<h2>${title}</h2>\n${parts.join('\n')}`;
  });
  const bar = tables.find(({ id }) => id === 'bar');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>aeron-bypass: benchmark</title>
<style>${STYLE}</style>
</head>
<body>
<h1>aeron-bypass: benchmark</h1>
<p class="muted">${escapeXml(machineLine(result))}</p>
${bar === undefined ? '' : `<h2>The bar</h2>\n${barHtml(bar, result)}`}
${sections.join('\n')}
<h2>What the figures count</h2>
${remarks(COUNTED)}
<h2>Where a comparison flatters us</h2>
${remarks(FLATTERING)}
<h2>How it was run</h2>
<pre>${escapeXml(facts(result))}</pre>
<details><summary>Command lines of the first round</summary><pre>${escapeXml(commandLines(result))}</pre></details>
</body>
</html>
`;
}

/** One line about where and when. */
export function machineLine({ machine, started, rounds }: BenchResult): string {
  const { cpu, cores, system, kernel, node, dpdk, hugepages } = machine;
  return [
    `${cpu}, ${cores} cores`,
    `${system}, Linux ${kernel}`,
    `Node ${node}`,
    `DPDK ${dpdk}${hugepages ? ' on hugepages' : ' without hugepages'}`,
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'}`,
    started.slice(0, 10),
  ].join(' · ');
}

/** The rows wear their verdicts. */
function barHtml(table: Table, { bar }: BenchResult): string {
  let i = 0;
  const html = toHtml(table).replaceAll('<tr><td>', () => {
    const { value, atLeast, met, aimMet } = bar[i++]!;
    const isOpen = value === null || (atLeast === null && !aimMet);
    return `<tr class="${isOpen ? 'unknown' : met ? 'met' : 'missed'}"><td>`;
  });
  return `<div class="bar">${html}</div>`;
}

function figure({ caption, svg }: Chart): string {
  return `<figure>${svg}<figcaption>${escapeXml(caption)}</figcaption></figure>`;
}

function titled(table: Table): string {
  return `<h3>${escapeXml(table.title)}</h3>\n${toHtml(table)}`;
}

function remarks(list: readonly Remark[]): string {
  return `<ul>${list.map(({ title, text }) => `<li><b>${title}.</b> ${escapeXml(text)}</li>`).join('\n')}</ul>`;
}

function facts({ command, machine, started, workloads }: BenchResult): string {
  return [
    command,
    `started: ${started}`,
    ...Object.entries(machine).map(([name, value]) => `${name}: ${value}`),
    '',
    ...workloads.map(
      ({ name, run }) =>
        `${name}: warm-up ${run.warmUpMs} ms, window ${run.durationMs} ms, MTU ${run.mtu}, ${run.messageLength} B`,
    ),
  ].join('\n');
}

function commandLines({ runs }: BenchResult): string {
  return runs
    .filter(({ round }) => round === 1)
    .map(({ workload, contestant, commands }) => [`# ${workload}, ${contestant}`, ...commands].join('\n'))
    .join('\n\n');
}

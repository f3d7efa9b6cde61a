/** The demo's table and plot, as plain text. */
import { formatNs, formatRate } from '../format.ts';
import type { WireResult } from './wire-run.ts';

const BAR_WIDTH = 44;
const SHOWN_PERCENTILES = [50, 90, 99, 99.9, 99.99, 100];

/** One column a wire, one row a figure. */
export function renderTable(wires: readonly WireResult[]): string {
  const rows: [string, (wire: WireResult) => string][] = [
    ['', (wire) => `${wire.name} (${wire.device})`],
    ['round trip p50', (wire) => formatNs(wire.roundTripNs.p50)],
    ['           p99', (wire) => formatNs(wire.roundTripNs.p99)],
    ['           p99.9', (wire) => formatNs(wire.roundTripNs.p999)],
    ['           max', (wire) => formatNs(wire.roundTripNs.max)],
    ['messages/s', (wire) => formatRate(wire.throughput.messagesPerSecond)],
    ['bit/s', (wire) => formatRate(wire.throughput.bitsPerSecond)],
    ['packets/s', (wire) => formatRate(wire.throughput.packetsPerSecond)],
    ['messages checked', (wire) => wire.messages.toLocaleString('en')],
    [
      'lost, duplicated, reordered, corrupted',
      (wire) => `${wire.lost}, ${wire.duplicated}, ${wire.reordered}, ${wire.corrupted}`,
    ],
  ];
  const labelWidth = Math.max(...rows.map(([label]) => label.length));
  const widths = wires.map((wire) => Math.max(...rows.map(([, cell]) => cell(wire).length)));
  return rows
    .map(([label, cell]) => {
      const cells = wires.map((wire, i) => cell(wire).padStart(widths[i]!));
      return `${label.padEnd(labelWidth)}  ${cells.join('   ')}`;
    })
    .join('\n');
}

/** Round-trip times by percentile: a bar a wire on a common logarithmic scale. */
export function renderPlot(wires: readonly WireResult[]): string {
  const all = wires
    .flatMap((wire) => wire.roundTripPercentiles.map((point) => point.ns))
    .filter((ns) => ns > 0);
  if (all.length === 0) return 'no round trips';
  const lowest = 10 ** Math.floor(Math.log10(Math.min(...all)));
  const decades = Math.log10(Math.max(...all) / lowest);
  const nameWidth = Math.max(...wires.map((wire) => wire.name.length));
  const lines = [`round trip by percentile, logarithmic from ${formatNs(lowest)}`];
  for (const percentile of SHOWN_PERCENTILES) {
    const label = percentile === 100 ? 'max' : `p${percentile}`;
    wires.forEach((wire, i) => {
      const ns = wire.roundTripPercentiles.find((point) => point.percentile === percentile)?.ns ?? 0;
      const length = ns > 0 ? Math.max(1, Math.round((Math.log10(ns / lowest) / decades) * BAR_WIDTH)) : 0;
      const bar = (i === 0 ? '█' : '▒').repeat(length);
      lines.push(`${(i === 0 ? label : '').padEnd(7)}${wire.name.padEnd(nameWidth)} ${bar} ${formatNs(ns)}`);
    });
  }
  return lines.join('\n');
}

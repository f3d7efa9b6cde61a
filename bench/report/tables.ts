/** The tables of a result. Pure. */
import { formatBytes, formatNs, formatRate } from '../../src/cli/format.ts';
import type { BarRow } from '../bar.ts';
import {
  cpuSecondsPerMillion,
  driverStartMs,
  type Figure,
  fullSpeedAfterMs,
  gcCount,
  lostShare,
  messagesPerSecond,
  readyMs,
  residentBytes,
  roundTripNs,
  spreadOfRuns,
  systemShare,
} from '../figures.ts';
import type { BenchResult } from '../result.ts';
import type { Spread } from '../statistics.ts';
import type { Group, Workload } from '../workloads.ts';
import type { Table } from './table.ts';

type Format = (value: number) => string;

const NONE = '–';

/** Everything that the result has something for. */
export function tablesOf(result: BenchResult): Table[] {
  const rates = [
    'throughput',
    'throughput-mtu-8192',
    'ipc',
    'streams',
    'clients',
    'loss',
    'packets',
    'zero-copy',
  ] as const;
  return [
    barTable(result.bar),
    ...rates.map((group) => rateTable(result, group)),
    ...result.workloads
      .filter(({ run }) => run.role === 'ping')
      .map((workload) => roundTripTable(result, workload)),
    cpuTable(result),
    memoryTable(result),
    coldStartTable(result),
    steadyTable(result),
    contestantTable(result),
    failureTable(result),
  ].filter(({ rows }) => rows.length > 0);
}

export function barTable(bar: readonly BarRow[]): Table {
  const bound = (row: BarRow, value: number | null): string =>
    value === null ? '' : `${row.direction === 'higher' ? '≥' : '≤'} ${withUnit(value, row.unit)}`;
  const rows = bar.map((row) => [
    row.name,
    row.value === null ? NONE : withUnit(row.value, row.unit),
    row.spread === null ? NONE : `${shortNumber(row.spread.min)} to ${shortNumber(row.spread.max)}`,
    bound(row, row.atLeast),
    bound(row, row.aim),
    verdict(row),
  ]);
  const head = ['what', 'this run', 'rounds', 'at least', 'aim', ''];
  return { id: 'bar', title: 'The bar', head, rows };
}

export function verdict({ value, met, atLeast, aim, aimMet }: BarRow): string {
  if (value === null) return 'not measured';
  if (aim !== null && aimMet) return 'aim met';
  return atLeast === null ? 'aim not met' : met ? 'met' : 'missed';
}

function withUnit(value: number, unit: string): string {
  return unit === '×' ? `× ${shortNumber(value)}` : `${shortNumber(value)} ${unit}`.trim();
}

/** Three digits at most, without trailing zeros. */
function shortNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

/** Contestants down, `columns` across; a contestant without a figure in any of them is left out. */
function grid(
  result: BenchResult,
  id: string,
  title: string,
  columns: readonly { head: string; cell: (contestant: string) => string }[],
  isIpc = false,
): Table {
  const rows = result.contestants
    .map(({ name, title }) => [
      isIpc && name.startsWith('ours-') ? 'aeron-bypass' : title,
      ...columns.map(({ cell }) => cell(name)),
    ])
    .filter((row) => row.slice(1).some((cell) => cell !== NONE));
  return { id, title, head: ['', ...columns.map(({ head }) => head)], rows };
}

const median: (spread: Spread, format: Format) => string = (spread, format) => format(spread.median);
const medianAndSpread: typeof median = (spread, format) =>
  spread.min === spread.max
    ? format(spread.median)
    : `${format(spread.median)} (${format(spread.min)} to ${format(spread.max)})`;

/** Makes the cells of one figure of one workload. */
function column(
  result: BenchResult,
  workload: Workload,
  head: string,
  figure: Figure,
  format: Format,
  show: typeof median = medianAndSpread,
): { head: string; cell: (contestant: string) => string } {
  return {
    head,
    cell: (contestant) => {
      const spread = spreadOfRuns(result.runs, workload.name, contestant, figure);
      return spread === null ? NONE : show(spread, format);
    },
  };
}

const RATE_TITLES: Partial<Record<Group, string>> = {
  throughput: 'Messages received a second, by message length',
  'throughput-mtu-8192': 'Messages received a second, by message length, MTU 8192',
  ipc: 'IPC: messages received a second',
  streams: 'Messages received a second, by number of streams',
  clients: 'Messages received a second, by number of clients',
  loss: 'Messages received a second, by receive loss',
  packets: 'Packets received a second',
  'zero-copy': 'Throughput from the end of the wire that can send from the log, messages a second',
};

function rateTable(result: BenchResult, group: Group): Table {
  const columns = result.workloads
    .filter((workload) => workload.group === group && workload.run.role === 'publish')
    .flatMap((workload) => [
      column(result, workload, workload.title, messagesPerSecond, formatRate),
      ...(group === 'packets' ? [column(result, workload, 'lost', lostShare, percent, median)] : []),
    ]);
  return grid(result, group, RATE_TITLES[group] ?? group, columns, group === 'ipc');
}

function roundTripTable(result: BenchResult, workload: Workload): Table {
  const columns = [50, 99, 99.9].map((percentile) =>
    column(result, workload, `p${percentile}`, roundTripNs(percentile), formatNs),
  );
  const more = [
    column(result, workload, 'p99.99', roundTripNs(99.99), formatNs, median),
    column(result, workload, 'longest', roundTripNs(100), formatNs, (spread, format) => format(spread.max)),
    column(result, workload, 'round trips/s', messagesPerSecond, formatRate, median),
  ];
  const isIpc = workload.run.media === 'ipc';
  return grid(result, workload.name, `Round trip, ${workload.title}`, [...columns, ...more], isIpc);
}

/** Where processor time and memory are worth a look. */
const COST_WORKLOADS = [
  'throughput-32',
  'throughput-288',
  'throughput-1344',
  'round-trip',
  'ipc-throughput-32',
];

function costWorkloads(result: BenchResult): Workload[] {
  return result.workloads.filter(({ name }) => COST_WORKLOADS.includes(name));
}

function costTitle({ group, title }: Workload): string {
  return group === 'round-trip' ? `round trips, ${title}` : title;
}

function cpuTable(result: BenchResult): Table {
  const seconds: Format = (value) => `${shortNumber(value)} s`;
  return grid(
    result,
    'cpu',
    'Processor time of both sides per million messages, and the share of the sending side’s that was in the kernel',
    costWorkloads(result).flatMap((workload) => [
      column(result, workload, costTitle(workload), cpuSecondsPerMillion, seconds, median),
      column(result, workload, 'in the kernel', systemShare, percent, median),
    ]),
  );
}

const percent: Format = (value) => (value > 0 && value < 0.001 ? '< 0.1 %' : `${shortNumber(value * 100)} %`);

function memoryTable(result: BenchResult): Table {
  return grid(
    result,
    'memory',
    'Resident memory of both sides together, without hugepages',
    costWorkloads(result).map((workload) =>
      column(result, workload, costTitle(workload), residentBytes, formatBytes, median),
    ),
  );
}

function coldStartTable(result: BenchResult): Table {
  const ms: Format = (value) => `${shortNumber(value)} ms`;
  return grid(
    result,
    'cold-start',
    'Cold start',
    result.workloads
      .filter(({ group }) => group === 'cold-start')
      .flatMap((workload) => [
        column(result, workload, 'driver start to ready', driverStartMs, ms),
        column(result, workload, 'processes start to ready', readyMs, ms),
        column(result, workload, 'processes start to 90 % of full speed', fullSpeedAfterMs, ms),
      ]),
  );
}

function steadyTable(result: BenchResult): Table {
  const rows = result.workloads
    .filter(({ group }) => group === 'steady')
    .flatMap((workload) =>
      result.contestants.flatMap(({ name, title }) => {
        const collections = spreadOfRuns(result.runs, workload.name, name, gcCount);
        return collections === null ? [] : [[`${workload.title}, ${title}`, String(collections.max)]];
      }),
    );
  return {
    id: 'steady',
    title: 'Garbage collections in 60 s of steady state',
    head: ['', 'collections'],
    rows,
  };
}

function contestantTable({ contestants }: BenchResult): Table {
  const rows = contestants.map(({ title, version, note, missing }) => [
    title,
    missing === '' ? version : 'left out',
    missing === '' ? note : missing,
  ]);
  return {
    id: 'contestants',
    title: 'Contestants',
    head: ['', 'version', 'what its figures count'],
    rows,
    isText: true,
  };
}

function failureTable({ runs }: BenchResult): Table {
  const rows = runs
    .filter(({ failure }) => failure !== '')
    .map(({ workload, contestant, round, failure }) => [
      `${workload}, ${contestant}, round ${round}`,
      failure,
    ]);
  return {
    id: 'failures',
    title: 'Runs that failed; none was repeated',
    head: ['run', 'why'],
    rows,
    isText: true,
  };
}

/** The charts of a result. Pure. */
import { formatNs, formatRate } from '../../src/cli/format.ts';
import { messagesPerSecond, spreadOfRuns } from '../figures.ts';
import type { BenchResult } from '../result.ts';
import { countOf, mergeHistograms } from '../statistics.ts';
import type { Group, Workload } from '../workloads.ts';
import { type BarPanel, barChart, type Format } from './bar-chart.ts';
import { type Axis, lineChart, type Point, type Series } from './line-chart.ts';
import { shownAs } from './look.ts';
import { type Ridge, ridgeChart } from './ridge-chart.ts';
import { decades, logScale, niceTicks } from './scale.ts';

export interface Chart {
  /** Kebab-case: names its file. */
  readonly id: string;
  readonly caption: string;
  readonly svg: string;
}

/** Everything that the result has enough for. */
export function chartsOf(result: BenchResult): Chart[] {
  return [
    ...throughputCharts(result),
    ...latencyCharts(result),
    ...ipcCharts(result),
    ...scalingCharts(result),
    ...packetCharts(result),
  ];
}

function inGroup({ workloads }: BenchResult, group: Group): Workload[] {
  return workloads.filter((workload) => workload.group === group);
}

/** Rates of a workload's contestants, in the order of the contestants. */
function ratePanel(result: BenchResult, workload: Workload, title: string): BarPanel {
  const bars = result.contestants
    .map(({ name }) => ({
      contestant: name,
      figure: spreadOfRuns(result.runs, workload.name, name, messagesPerSecond),
    }))
    .flatMap(({ contestant, figure }) =>
      figure === null ? [] : [{ contestant: shownAs(contestant, workload), figure }],
    );
  return { title, bars };
}

function rateChart(id: string, title: string, caption: string, panels: readonly BarPanel[]): Chart[] {
  const drawn = panels.filter(({ bars }) => bars.length > 0);
  return drawn.length === 0 ? [] : [{ id, caption, svg: barChart(title, drawn, plainRate) }];
}

const MEDIANS = 'Bars are medians of the rounds, lines go from the lowest to the highest round.';

function throughputCharts(result: BenchResult): Chart[] {
  const panels = (group: Group): BarPanel[] =>
    inGroup(result, group).map((workload) =>
      ratePanel(result, workload, `${workload.run.messageLength.toLocaleString('en')} bytes`),
    );
  return [
    ...rateChart(
      'throughput',
      'Messages received a second, by message length (MTU 1408)',
      `${MEDIANS} One stream, a core a side; more is better. Each panel has a scale of its own.`,
      panels('throughput'),
    ),
    ...rateChart(
      'throughput-mtu-8192',
      'Messages received a second, by message length (MTU 8192)',
      `${MEDIANS} Larger datagrams spread the kernel’s cost of each over more bytes.`,
      panels('throughput-mtu-8192'),
    ),
  ];
}

function packetCharts(result: BenchResult): Chart[] {
  return rateChart(
    'packets',
    'Packets received a second, 64-byte payloads',
    `${MEDIANS} Bare datagrams, no Aeron: what the layers below it allow.`,
    inGroup(result, 'packets').map((workload) => ratePanel(result, workload, '64 bytes')),
  );
}

function ipcCharts(result: BenchResult): Chart[] {
  const ipc = inGroup(result, 'ipc');
  const panels = ipc
    .filter(({ run }) => run.role === 'publish')
    .map((workload) => ratePanel(result, workload, `${workload.run.messageLength} bytes`));
  return [
    ...rateChart(
      'ipc-throughput',
      'IPC: messages received a second',
      `${MEDIANS} Two processes, one driver.`,
      panels,
    ),
    ...ipc
      .filter(({ name }) => name === 'ipc-round-trip')
      .flatMap((workload) =>
        percentileChart(result, workload, 'IPC: round trip by percentile, one in flight'),
      ),
  ];
}

function latencyCharts(result: BenchResult): Chart[] {
  const oneInFlight = inGroup(result, 'round-trip');
  return [
    ...oneInFlight.flatMap((workload) => [
      ...percentileChart(result, workload, 'Round trip by percentile, one message in flight'),
      ...distributionChart(result, workload),
    ]),
    ...inGroup(result, 'rate').flatMap((workload) =>
      percentileChart(result, workload, `Round trip by percentile, ${workload.title}`),
    ),
    ...inGroup(result, 'steady')
      .filter(({ run }) => run.role === 'ping')
      .flatMap((workload) =>
        percentileChart(result, workload, `Round trip by percentile, ${workload.title}`),
      ),
  ];
}

/** A contestant's round trips of all rounds. */
function ridgesOf(result: BenchResult, workload: Workload): Ridge[] {
  return result.contestants
    .map(({ name }) => ({
      contestant: shownAs(name, workload),
      histogram: mergeHistograms(
        result.runs
          .filter((run) => run.workload === workload.name && run.contestant === name)
          .map(({ measured }) => measured?.histogram ?? []),
      ),
    }))
    .filter(({ histogram }) => countOf(histogram) > 0);
}

function percentileChart(result: BenchResult, workload: Workload, title: string): Chart[] {
  const ridges = ridgesOf(result, workload);
  if (ridges.length === 0) return [];
  const series = ridges.map(
    ({ contestant, histogram }): Series => ({ contestant, points: byPercentile(histogram) }),
  );
  const caption = `All rounds together. The axis stretches the tail: each step to the right is ten times as rare. ${
    workload.run.rate > 0
      ? 'A round trip begins when its message was due, so a stall counts for every message that it delayed.'
      : 'Less is better.'
  }`;
  const svg = lineChart({ title, x: tailAxis(series), y: nsAxis(series), series, hasMarks: false });
  return [{ id: `${workload.name}-percentiles`, caption, svg }];
}

/** Points `[1 / (1 - share), ns]`, up to one in all. */
export function byPercentile(histogram: Ridge['histogram']): Point[] {
  const total = countOf(histogram);
  let seen = 0;
  return histogram.map(([ns, count]) => {
    seen += count;
    return [Math.min(total, total / (total - seen)), ns];
  });
}

function tailAxis(series: readonly Series[]): Axis {
  const rarest = Math.max(...series.map(({ points }) => points.at(-1)![0]));
  const values = decades(1, Math.max(10, rarest));
  const place = logScale([1, Math.max(10, rarest)], [0, 1]);
  const label = (value: number): string =>
    value === 1 ? '0 %' : `${(100 - 100 / value).toFixed(Math.max(0, Math.round(Math.log10(value)) - 2))} %`;
  const ticks = values.filter((value) => value <= rarest).map((value) => ({ value, label: label(value) }));
  return { title: 'percentile', place, ticks };
}

function nsAxis(series: readonly Series[]): Axis {
  const all = series.flatMap(({ points }) => points.map(([, ns]) => ns));
  const values = decades(Math.min(...all), Math.max(...all));
  const ticks = values.map((value) => ({ value, label: plain(formatNs(value)) }));
  return {
    title: 'round-trip time (log scale)',
    place: logScale([values[0]!, values.at(-1)!], [0, 1]),
    ticks,
  };
}

function distributionChart(result: BenchResult, workload: Workload): Chart[] {
  const ridges = ridgesOf(result, workload);
  if (ridges.length === 0) return [];
  return [
    {
      id: `${workload.name}-distribution`,
      caption:
        'How often each time occurs, all rounds together; every row is drawn to its own highest point.',
      svg: ridgeChart('Distribution of round trips, one message in flight', ridges),
    },
  ];
}

function scalingCharts(result: BenchResult): Chart[] {
  return [
    ...scalingChart(
      result,
      'streams',
      'Messages received a second, by number of streams',
      'streams',
      ({ run }) => run.streams,
    ),
    ...scalingChart(
      result,
      'clients',
      'Messages received a second, by number of clients',
      'clients',
      ({ run }) => run.clients,
    ),
    ...scalingChart(
      result,
      'loss',
      'Messages received a second, by receive loss',
      'datagrams lost, each way',
      ({ run }) => run.lossRate * 100,
    ),
  ];
}

function scalingChart(
  result: BenchResult,
  group: Group,
  title: string,
  xTitle: string,
  xOf: (workload: Workload) => number,
): Chart[] {
  const isLoss = group === 'loss';
  const lossless = result.workloads.filter(({ name }) => isLoss && name === 'throughput-288');
  const workloads = [...lossless, ...inGroup(result, group)];
  const names = new Set(inGroup(result, group).flatMap(({ contestants }) => contestants));
  const series = result.contestants
    .filter(({ name }) => names.has(name))
    .map(
      ({ name }): Series => ({
        contestant: name,
        points: workloads.flatMap((workload): Point[] => {
          const figure = spreadOfRuns(result.runs, workload.name, name, messagesPerSecond);
          return figure === null || figure.median === 0 ? [] : [[xOf(workload), figure.median]];
        }),
      }),
    )
    .filter(({ points }) => points.length > 0);
  if (series.length === 0) return [];
  const values = workloads.map(xOf);
  const most = Math.max(...values);
  const x: Axis = {
    title: xTitle,
    place: isLoss ? (value) => value / most : logScale([1, Math.max(most, 10)], [0, 1]),
    ticks: values.map((value) => ({ value, label: isLoss ? `${value} %` : value.toLocaleString('en') })),
  };
  const svg = lineChart({ title, x, y: rateAxis(series, isLoss), series, hasMarks: true });
  return [
    {
      id: group,
      caption: `${SCALING_NOTES[group] ?? ''} Medians of the rounds.`.trim(),
      svg,
    },
  ];
}

const SCALING_NOTES: Partial<Record<Group, string>> = {
  streams: '1344-byte messages go to the streams in turn; logs have terms of 64 KiB, the smallest there are.',
  clients:
    '288-byte messages. Each client has a publication of its own, and all share one thread with the driver.',
  loss: '288-byte messages. Lost datagrams are dropped by the receiving driver, at random, in both directions.',
};

function rateAxis(series: readonly Series[], isLog: boolean): Axis {
  const rates = series.flatMap(({ points }) => points.map(([, rate]) => rate));
  const title = 'messages/s';
  if (isLog) {
    const values = decades(Math.min(...rates), Math.max(...rates));
    const ticks = values.map((value) => ({ value, label: plainRate(value) }));
    return { title: `${title} (log scale)`, place: logScale([values[0]!, values.at(-1)!], [0, 1]), ticks };
  }
  const values = niceTicks(Math.max(...rates), 5);
  return {
    title,
    place: (value) => value / values.at(-1)!,
    ticks: values.map((value) => ({ value, label: plainRate(value) })),
  };
}

/** 1.00 M as 1 M, 2.50 M as 2.5 M. */
function plain(text: string): string {
  return text.replace(/\.(\d*?)0+(?= |$)/, '.$1').replace(/\.(?= |$)/, '');
}

const plainRate: Format = (value) => plain(formatRate(value));

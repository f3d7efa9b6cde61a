import type { BarRow } from './bar.ts';
import type { Machine } from './machine.ts';
import type { Run } from './run.ts';
import type { Entrant } from './runner.ts';
import type { Workload } from './workloads.ts';

/** The document of `--json`, and `result.json`: all that reports are made from. */
export interface BenchResult {
  /** ISO 8601. */
  readonly started: string;
  readonly command: string;
  readonly rounds: number;
  readonly machine: Machine & { readonly hugepages: boolean; readonly socketBuffers: string };
  readonly contestants: readonly Entrant[];
  readonly workloads: readonly Workload[];
  /** What the bar asks for, and what this run gave. */
  readonly bar: readonly BarRow[];
  readonly runs: readonly Run[];
}

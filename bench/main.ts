/** `npm run bench`: builds and runs every contestant in turn, and writes what came out. See `docs/performance.md`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reserveHugepages } from '../src/device/dpdk/shared-memory-wire.ts';
import { messageOf } from '../src/util/errors.ts';
import { barOf } from './bar.ts';
import { type Contestant, ROOT } from './contestant.ts';
import { CONTESTANTS } from './contestants/index.ts';
import { machine, raiseSocketBufferLimits } from './machine.ts';
import { writeDocs } from './report/docs.ts';
import { pageOf } from './report/page.ts';
import { type Table, toText } from './report/table.ts';
import { tablesOf } from './report/tables.ts';
import type { BenchResult } from './result.ts';
import { cleanUp, type Run } from './run.ts';
import { buildAll, type Entrant, estimateMs, pairsOf, runRound } from './runner.ts';
import { renderSoak, soak } from './soak.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const USAGE = `Usage: npm run bench -- [options]
  --quick              one round of one-second windows of the most important workloads
  --rounds N           how often each contestant runs each workload (5)
  --only NAME          this contestant alone; may be repeated
  --workload NAME      this workload, or this group of them, alone; may be repeated
  --json               print the result as one JSON document instead of tables
  --out FOLDER         where result.json and report.html go (bench-results)
  --strict             fail when a contestant cannot be built or a run fails
  --soak MESSAGES      instead: stream that many over the DPDK wire and over kernel sockets, and watch memory
  --docs               instead: make docs/performance.md and its pictures from FOLDER/result.json
  --report             instead: make report.html anew from FOLDER/result.json
  --help
`;

const RESULT = 'result.json';
const REPORT = 'report.html';
const HUGEPAGES = 256;
const QUICK_MS = 1000;

function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

function parse() {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string', default: '' },
        only: { type: 'string', multiple: true, default: [] },
        workload: { type: 'string', multiple: true, default: [] },
        json: { type: 'boolean', default: false },
        out: { type: 'string', default: join(ROOT, 'bench-results') },
        strict: { type: 'boolean', default: false },
        soak: { type: 'string' },
        docs: { type: 'boolean', default: false },
        report: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

const options = parse();

async function main(): Promise<void> {
  if (options.help) {
    process.stdout.write(USAGE);
  } else if (options.docs || options.report) {
    const result = JSON.parse(readFileSync(join(options.out, RESULT), 'utf8')) as BenchResult;
    if (options.docs) writeDocs(ROOT, result);
    if (options.report) writeFileSync(join(options.out, REPORT), pageOf(result));
  } else {
    const hugepages = reserveHugepages(HUGEPAGES);
    say(hugepages.reserved ? `${HUGEPAGES} hugepages of 2 MiB are free` : hugepages.reason);
    if (options.soak === undefined) await bench(hugepages.reserved);
    else {
      const results = await soak(Number(options.soak), hugepages.reserved);
      process.stdout.write(options.json ? `${JSON.stringify(results)}\n` : renderSoak(results));
    }
  }
}

async function bench(hugepages: boolean): Promise<void> {
  const workloads = chosenWorkloads(options.workload, options.quick);
  const contestants = chosenContestants(options.only, workloads);
  const entrants = await buildAll(contestants, say);
  const there = contestants.filter((_, i) => entrants[i]!.missing === '');
  const pairs = pairsOf(workloads, there, hugepages);
  const rounds = Number(options.rounds || (options.quick ? 1 : 5));
  const minutes = Math.ceil(estimateMs(pairs, rounds) / 60_000);
  say(`${pairs.length} runs a round, ${rounds} rounds: about ${minutes} min`);

  const limits = raiseSocketBufferLimits();
  say(limits.text);
  const runs: Run[] = [];
  const words = process.argv.slice(2);
  const facts = {
    started: new Date().toISOString(),
    command: ['npm run bench', ...(words.length > 0 ? ['--', ...words] : [])].join(' '),
    rounds,
    machine: { ...machine(), hugepages, socketBuffers: limits.text },
    contestants: entrants,
    workloads: workloads.filter((workload) => pairs.some((pair) => pair.workload === workload)),
  };
  const write = (): BenchResult => {
    const result = { ...facts, bar: barOf(runs), runs };
    writeFileSync(join(options.out, RESULT), `${JSON.stringify(result)}\n`);
    writeFileSync(join(options.out, REPORT), pageOf(result));
    return result;
  };
  mkdirSync(options.out, { recursive: true });
  process.once('exit', () => {
    cleanUp();
    limits.restore();
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      write(); // What there is.
      process.exit(1);
    });
  }
  for (let round = 1; round <= rounds; round++) {
    await runRound(round, pairs, hugepages, runs, say);
    write();
  }
  print(write());
  if (options.strict && !isComplete(entrants, runs)) process.exitCode = 1;
}

function print(result: BenchResult): void {
  const isPartial = options.only.length + options.workload.length > 0;
  const bar = result.bar.filter(({ value }) => value !== null || !isPartial);
  const tables = tablesOf({ ...result, bar })
    .filter(isForTerminal)
    .map(toText);
  process.stdout.write(`${options.json ? JSON.stringify(result) : tables.join('\n\n')}\n`);
  say(`written: ${join(options.out, RESULT)}, ${join(options.out, REPORT)}`);
}

/** Sentences do not fit into columns of a terminal; they are in the report. */
function isForTerminal({ id }: Table): boolean {
  return id !== 'contestants';
}

function isComplete(entrants: readonly Entrant[], runs: readonly Run[]): boolean {
  return entrants.every(({ missing }) => missing === '') && runs.every(({ failure }) => failure === '');
}

/** With windows of a second; a cold start takes the time it takes. */
function quick(workload: Workload): Workload {
  const { run, group } = workload;
  const durationMs = group === 'cold-start' ? run.durationMs : QUICK_MS;
  return { ...workload, run: { ...run, warmUpMs: Math.min(run.warmUpMs, QUICK_MS), durationMs } };
}

function chosenContestants(names: readonly string[], workloads: readonly Workload[]): Contestant[] {
  const unknown = names.find((name) => !CONTESTANTS.some((contestant) => contestant.name === name));
  if (unknown !== undefined) {
    throw new Error(
      `no contestant is called ${unknown}; there are ${CONTESTANTS.map(({ name }) => name).join(', ')}`,
    );
  }
  return CONTESTANTS.filter(({ name }) => names.length === 0 || names.includes(name)).filter(({ name }) =>
    workloads.some(({ contestants }) => contestants.includes(name)),
  );
}

function chosenWorkloads(names: readonly string[], isQuick: boolean): Workload[] {
  const chosen = WORKLOADS.filter(({ name, group, isCore }) =>
    names.length > 0 ? names.includes(name) || names.includes(group) : !isQuick || isCore,
  );
  if (chosen.length === 0) {
    throw new Error(
      `no workload is called ${names.join(' or ')}; there are ${WORKLOADS.map(({ name }) => name).join(', ')}`,
    );
  }
  return isQuick ? chosen.map(quick) : chosen;
}

try {
  await main();
} catch (error) {
  say(messageOf(error));
  process.exitCode = 1;
}

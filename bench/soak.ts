/** `--soak MESSAGES`: streams that many over the DPDK wire and over kernel sockets, and watches the processes' memory. */
import { type MemorySample, soakWire } from '../src/cli/demo/wire-run.ts';
import { dpdkWire, kernelWire } from '../src/cli/demo/wires.ts';
import { formatRate } from '../src/cli/format.ts';

const PART_MS = 5_000;
const MESSAGE_LENGTH = 288;

export interface SoakResult {
  readonly name: string;
  /** Messages lost, duplicated, reordered or corrupted. */
  readonly imperfections: number;
  readonly samples: readonly MemorySample[];
}

/** Over one pair of drivers a wire, until `messages` have arrived. */
export async function soak(messages: number, hugepages: boolean): Promise<SoakResult[]> {
  const results: SoakResult[] = [];
  for (const plan of [dpdkWire(hugepages), await kernelWire()]) {
    const say = (phase: string): void => {
      process.stderr.write(`${plan.name}: ${phase}\n`);
    };
    results.push({ name: plan.name, ...(await soakWire(plan, messages, MESSAGE_LENGTH, PART_MS, say)) });
  }
  return results;
}

export function renderSoak(results: readonly SoakResult[]): string {
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  return results
    .flatMap(({ name, imperfections, samples }) => [
      `${name}: ${imperfections} lost, duplicated, reordered or corrupted; resident memory of publisher, subscriber:`,
      ...samples.map(
        ({ messages, publisherBytes, subscriberBytes }) =>
          `  after ${formatRate(messages)} messages: ${mib(publisherBytes)}, ${mib(subscriberBytes)}`,
      ),
    ])
    .join('\n')
    .concat('\n');
}

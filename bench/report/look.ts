/** What the contestants look like in charts: a colour a family, legible on light and dark. */
import type { Workload } from '../workloads.ts';

export interface Look {
  /** Short name. */
  readonly label: string;
  readonly colour: string;
  /** Of lines: so that they can be told apart without colours. '' for a solid one. */
  readonly dash: string;
}

const LOOKS: Readonly<Record<string, Look>> = {
  'ours-dpdk': { label: 'ours, DPDK', colour: '#0a7cff', dash: '' },
  'ours-kernel-gso': { label: 'ours, kernel + GSO', colour: '#14a3a8', dash: '' },
  'ours-kernel': { label: 'ours, kernel', colour: '#12b76a', dash: '' },
  'ours-ipc': { label: 'ours', colour: '#0a7cff', dash: '' },
  'bare-stack': { label: 'ours, bare stack', colour: '#0a7cff', dash: '' },
  'official-c': { label: 'official C', colour: '#f2740d', dash: '' },
  'official-java': { label: 'official Java', colour: '#e3a008', dash: '' },
  'raw-dpdk': { label: 'raw C, DPDK', colour: '#7d8894', dash: '' },
  'raw-udp': { label: 'raw C, sendmmsg', colour: '#7d8894', dash: '5 3' },
  'raw-udp-gso': { label: 'raw C, GSO', colour: '#7d8894', dash: '2 3' },
  dgram: { label: 'node:dgram', colour: '#d6409f', dash: '' },
  zeromq: { label: 'zeromq', colour: '#9b5de5', dash: '' },
  nats: { label: 'nats', colour: '#b4534b', dash: '' },
};

/** There is no wire in IPC, so whichever of ours ran it goes by this name. */
export function shownAs(contestant: string, { run }: Workload): string {
  return run.media === 'ipc' && contestant.startsWith('ours-') ? 'ours-ipc' : contestant;
}

export function lookOf(contestant: string): Look {
  return LOOKS[contestant] ?? { label: contestant, colour: '#7d8894', dash: '' };
}

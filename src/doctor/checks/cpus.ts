import { type NumaNode, parseCpuList, readNumaNodes } from '../../host/numa-node.ts';
import { type Check, type Finding, ok, type Patient, warning } from '../finding.ts';

const CPUS = '/sys/devices/system/cpu';

/** The CPUs of the agents: given, isolated, at full speed, near the card. */
export const cpus: Check = {
  name: 'CPUs',
  run: (patient) => {
    const pinned = pinnedCpus(patient);
    if (pinned.length === 0) {
      return [
        warning(
          'no agent has a CPU of its own',
          'the scheduler moves a thread that polls, and others run in its place: milliseconds in the tail',
          'aeron.sender.cpu.affinity=<cpu>, and aeron.conductor.cpu.affinity=<another>',
        ),
      ];
    }
    return [isolated(patient, pinned), governor(patient, pinned), ...near(patient, pinned)];
  },
};

function pinnedCpus({ options }: Patient): number[] {
  const { senderCpuAffinity, receiverCpuAffinity, networkAgents } = options;
  const first = senderCpuAffinity >= 0 ? senderCpuAffinity : receiverCpuAffinity;
  const agents = first < 0 ? [] : Array.from({ length: networkAgents }, (_, i) => first + i);
  return [...new Set([...agents, ...(receiverCpuAffinity >= 0 ? [receiverCpuAffinity] : [])])];
}

function isolated({ host }: Patient, pinned: readonly number[]): Finding {
  const list = parseCpuList(host.text(`${CPUS}/isolated`) ?? '');
  const shared = pinned.filter((cpu) => !list.includes(cpu));
  if (shared.length === 0) return ok(`CPU ${pinned.join(', ')}: isolated`);
  return warning(
    `CPU ${shared.join(', ')}: not isolated`,
    'other threads and interrupts get their turn there',
    `isolcpus=${shared.join(',')} nohz_full=${shared.join(',')} rcu_nocbs=${shared.join(',')} on the kernel's command line`,
  );
}

function governor({ host }: Patient, pinned: readonly number[]): Finding {
  const slow = pinned.flatMap((cpu) => {
    const name = host.text(`${CPUS}/cpu${cpu}/cpufreq/scaling_governor`);
    return name === null || name === 'performance' ? [] : [`${cpu} (${name})`];
  });
  if (slow.length === 0) return ok(`CPU ${pinned.join(', ')}: at full speed, as far as the kernel decides`);
  return warning(
    `CPU ${slow.join(', ')}: the kernel may clock it down`,
    'it takes tens of microseconds to come back',
    'cpupower frequency-set -g performance',
  );
}

/** The kernel's figure for the way to memory of another node, 10 being that to one's own; `''` where it has none. */
function distance(nodes: readonly NumaNode[], card: NumaNode, far: readonly number[]): string {
  const from = nodes.find(({ cpus: own }) => own.includes(far[0]!));
  const value = from === undefined ? undefined : card.distances[nodes.indexOf(from)];
  return value === undefined ? '' : `, distance ${value}`;
}

/** Whether CPU and card are on the same NUMA node, and with the card the memory: hugepages are looked for on its node. */
function near({ host, chosenCards }: Patient, pinned: readonly number[]): Finding[] {
  const nodes = readNumaNodes(host);
  if (nodes.length < 2) return [];
  return chosenCards.flatMap(({ address, numaNode }) => {
    const node = nodes.find(({ id }) => id === numaNode);
    const far = node === undefined ? [] : pinned.filter((cpu) => !node.cpus.includes(cpu));
    if (node === undefined || far.length === 0) return [];
    return [
      warning(
        `CPU ${far.join(', ')} and card ${address} are on different NUMA nodes (the card on ${node.id}${distance(nodes, node, far)})`,
        'every frame and every descriptor crosses between processors',
        `use CPUs of node ${node.id}: ${node.cpus.join(',')}`,
      ),
    ];
  });
}

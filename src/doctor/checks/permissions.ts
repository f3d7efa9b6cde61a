import { type Check, type Finding, ok, type Patient, problem, warning } from '../finding.ts';

/** Bits of capabilities, as Linux numbers them. */
const CAPABILITIES: readonly (readonly [bit: number, name: string, forWhat: string])[] = [
  [14, 'CAP_IPC_LOCK', 'lock the memory that cards reach'],
  [17, 'CAP_SYS_RAWIO', 'reach the ports of cards bound to uio'],
  [21, 'CAP_SYS_ADMIN', 'read physical addresses, where there is no IOMMU'],
];

/** May this user do what a driver with a card has to, and may it lock enough memory? */
export const permissions: Check = {
  name: 'permissions',
  run: (patient) => (patient.wantsDpdk ? [user(patient), ...vfioGroups(patient), lockedMemory(patient)] : []),
};

function user({ isRoot, host }: Patient): Finding {
  if (isRoot) return ok('this is root');
  const effective = BigInt(`0x${/^CapEff:\s*(\S+)/m.exec(host.text('/proc/self/status') ?? '')?.[1] ?? '0'}`);
  const missing = CAPABILITIES.filter(([bit]) => (effective & (1n << BigInt(bit))) === 0n);
  if (missing.length === 0) return ok('this user has the capabilities that cards need');
  return warning(
    `this user has no ${missing.map(([, name]) => name).join(', ')}`,
    `with an IOMMU and its own /dev/vfio a driver needs none; otherwise it cannot ${missing.map(([, , what]) => what).join(', ')}`,
    'start as root with aeron.dpdk.user=<name>, which gives everything up that is not needed; or by the systemd unit',
  );
}

function vfioGroups({ isRoot, host, chosenCards }: Patient): Finding[] {
  return chosenCards.flatMap(({ iommuGroup, driver, address }) => {
    const path = `/dev/vfio/${iommuGroup}`;
    if (driver !== 'vfio-pci' || isRoot || host.exists(path)) return [];
    return [
      problem(
        `${address}: there is no ${path}`,
        'it is the way to the card',
        'bind the card again: aeron-bypass nic bind',
      ),
    ];
  });
}

function lockedMemory({ host, isRoot }: Patient): Finding {
  const limit = /^Max locked memory\s+(\S+)/m.exec(host.text('/proc/self/limits') ?? '')?.[1] ?? 'unlimited';
  if (limit === 'unlimited' || isRoot)
    return ok(
      `locked memory: ${limit}${isRoot && limit !== 'unlimited' ? ', which does not bind root' : ''}`,
    );
  return problem(
    `locked memory is limited to ${limit} bytes`,
    'VFIO counts everything that a card may reach; beyond the limit DPDK starts without ports and without an error',
    'ulimit -l unlimited; LimitMEMLOCK=infinity in a systemd unit; "ulimits: memlock: -1" for a container',
  );
}

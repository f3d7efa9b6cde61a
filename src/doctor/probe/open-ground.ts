import { CncFile } from '../../cnc/cnc-file.ts';
import { CounterType } from '../../cnc/counter-types.ts';
import { SystemClock } from '../../concurrent/clock.ts';
import { CountersReader } from '../../concurrent/counters.ts';
import type { DriverOptions } from '../../driver/driver-options.ts';
import { portConfigs, transportKind } from '../../driver/network-agent-config.ts';
import type { Host } from '../../host/host.ts';
import type { NetworkCard } from '../../nic/network-card.ts';
import type { BypassConfig } from '../../transport/bypass/open-bypass-transport.ts';
import { AeronError } from '../../util/errors.ts';
import { isIpv6 } from '../../util/ip-address.ts';
import { formatIpAddress } from '../../util/ip-text.ts';
import { DpdkGround } from './dpdk-ground.ts';
import type { Question } from './evidence.ts';
import { KernelGround } from './kernel-ground.ts';
import type { Ground } from './prober.ts';

const FOR_RUNNING_DRIVERS =
  'A port has one owner: stop it to look from here, or ask it with "aeron-bypass nic stat" and "aeron-bypass capture".';

/**
 * The ground that a driver with these settings would stand on. `localAddress` is the address of ours to speak from; null: the
 * one that leads there.
 * @throws AeronError `DPDK_PORT_IN_USE` when a running driver has the port, `NO_DPDK_PORT` when none has the address.
 */
export function openGround(
  host: Host,
  options: DriverOptions,
  chosenCards: readonly NetworkCard[],
  question: Question,
  localAddress: number | null,
): Ground {
  if (transportKind(options) !== 'dpdk') return new KernelGround(host, question, localAddress);
  const config = choosePort(portConfigs(options), question.address, localAddress);
  refuseOthersPort(options, chosenCards);
  return new DpdkGround(config, question);
}

function choosePort(
  configs: readonly BypassConfig[],
  peer: number,
  localAddress: number | null,
): BypassConfig {
  const [first] = configs;
  if (first === undefined) {
    throw new AeronError(
      'NO_DPDK_PORT',
      'the settings name no address for a DPDK port. Set aeron.dpdk.local.ipv4.address=10.0.0.1/24, ' +
        'or aeron.transport=kernel to look by sockets.',
    );
  }
  if (localAddress !== null) {
    const named = configs.find(
      (config) =>
        config.localAddress === localAddress ||
        config.furtherAddresses?.some(({ address }) => address === localAddress) ||
        config.ipv6?.addresses.some(({ address }) => address === localAddress),
    );
    if (named !== undefined) return named;
    const known = configs.map((config) => formatIpAddress(config.localAddress)).join(', ');
    throw new AeronError(
      'NO_DPDK_PORT',
      `no DPDK port has ${formatIpAddress(localAddress)}: the settings name ${known}. Use one of these for --interface.`,
    );
  }
  if (isIpv6(peer)) return configs.find(({ ipv6 }) => ipv6 !== null && ipv6 !== undefined) ?? first;
  return configs.find((config) => isOnLink(config, peer)) ?? first;
}

function isOnLink({ localAddress, prefixLength }: BypassConfig, peer: number): boolean {
  if (localAddress === 0) return false;
  return prefixLength === 0 || (localAddress ^ peer) >>> (32 - prefixLength) === 0;
}

function refuseOthersPort(
  { dir, driverTimeoutMs }: DriverOptions,
  chosenCards: readonly NetworkCard[],
): void {
  const pid = pidOfDpdkDriver(dir, driverTimeoutMs);
  if (pid !== 0) {
    throw new AeronError(
      'DPDK_PORT_IN_USE',
      `the driver in ${dir}, process ${pid}, runs with a DPDK port. ${FOR_RUNNING_DRIVERS}`,
    );
  }
  for (const { address, hazards } of chosenCards) {
    const use = hazards.find(({ code }) => code === 'IN_USE');
    if (use === undefined) continue;
    throw new AeronError('DPDK_PORT_IN_USE', `${address} ${use.text}. ${FOR_RUNNING_DRIVERS}`);
  }
}

/** The process of a driver in `dir` that has a DPDK port; 0: there is none that lives. */
function pidOfDpdkDriver(dir: string, driverTimeoutMs: number): number {
  let cnc: CncFile;
  try {
    cnc = CncFile.map(dir);
  } catch {
    return 0; // Whatever is there, no driver runs on it.
  }
  try {
    if (new SystemClock().epochMs - cnc.toDriver.consumerHeartbeatMs() > driverTimeoutMs) return 0;
    let hasPort = false;
    new CountersReader(cnc.countersMetadata, cnc.countersValues).forEach(({ typeId }) => {
      hasPort ||= typeId === CounterType.DPDK_PORT_INFO;
    });
    return hasPort ? cnc.pid : 0;
  } finally {
    cnc.close();
  }
}

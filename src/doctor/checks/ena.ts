import { readModuleParameter } from '../../host/kernel-module.ts';
import { PCI_DEVICES } from '../../host/pci-device.ts';
import type { NetworkCard } from '../../nic/network-card.ts';
import { type Finding, ok, type Patient, warning } from '../finding.ts';

const ENA_VENDOR = '1d0f';
/** The region of the card's memory that the low-latency queue is written to, counted as PCI does. */
const LLQ_REGION = 2;

/** What Amazon's card needs for its low-latency queue, LLQ. Nothing for others. */
export function ofEna(card: NetworkCard, patient: Patient): Finding[] {
  if (card.vendorId !== ENA_VENDOR || card.driver === null) return [];
  return [lowLatencyQueue(card, patient), writeCombining(card, patient)];
}

/**
 * As far as can be told before the port is opened: whether the card shows the memory, and what DPDK's driver is told to do. The
 * driver logs the placement it has chosen when it starts.
 */
function lowLatencyQueue({ address }: NetworkCard, { host, options }: Patient): Finding {
  const given = argumentsOf(address, options.ealArguments);
  if (/(?:^|,)llq_policy=0(?:,|$)|(?:^|,)enable_llq=0(?:,|$)/.test(given)) {
    return warning(
      `${address}: the low-latency queue is switched off (${given})`,
      'the card fetches every header itself: much slower on Nitro v4 and later',
      'leave llq_policy out of the arguments of the card',
    );
  }
  const region = host.text(`${PCI_DEVICES}/${address}/resource`)?.split('\n')[LLQ_REGION] ?? null;
  if (region === null) return ok(`${address}: whether it has a low-latency queue cannot be seen in sysfs`);
  if (/^0x0+ 0x0+ /.test(region)) {
    return warning(
      `${address} shows no memory for its low-latency queue`,
      'DPDK falls back to descriptors in memory, which the card has to fetch',
      'use an instance of the Nitro generation; for others this is as fast as it gets',
    );
  }
  if (/(?:^|,)(?:llq_policy=3|large_llq_hdr=1)(?:,|$)/.test(given)) {
    return warning(
      `${address}: the low-latency queue has entries for long headers (${given})`,
      'that halves how many packets its transmit ring holds; headers here fit the ordinary ones, up to 62 of 96 bytes',
      'leave it out of the arguments of the card',
    );
  }
  return ok(`${address}: has memory for its low-latency queue, and DPDK uses it unless told otherwise`);
}

function writeCombining({ address, driver }: NetworkCard, { host }: Patient): Finding {
  const module = driver === 'igb_uio' ? 'igb_uio' : 'vfio_pci';
  const parameter = module === 'igb_uio' ? 'wc_activate' : 'write_combine';
  const value = readModuleParameter(host, module, parameter);
  if (value === '1' || value === 'Y') return ok(`${address}: write combining is on`);
  return warning(
    `${address}: write combining is ${value === null ? `no setting of ${module} here` : 'off'}`,
    "ENA's low-latency queue writes the start of each frame into the card; without write combining, word by word",
    'load igb_uio with wc_activate=1, or a vfio-pci with write combining',
  );
}

/** What EAL is told of a card, behind its address: `llq_policy=1,miss_txc_to=5`. */
function argumentsOf(address: string, ealArguments: readonly string[]): string {
  const short = address.replace(/^0000:/, '');
  for (const argument of ealArguments) {
    const device = argument.replace(/^(?:-a|--allow)=?/, '');
    for (const name of [address, short]) {
      if (device.toLowerCase().startsWith(`${name},`)) return device.slice(name.length + 1);
    }
  }
  return '';
}

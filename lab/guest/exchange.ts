/**
 * Two drivers at the ends of one cable. Arguments: `dpdk` or `kernel`, who has the second card; how many messages each
 * way; settings of the drivers.
 */
import { bindBySysfs } from './binding.ts';
import { CARD_A, CARD_B, interfaceOf, step } from './lab.ts';
import { type End, exchange, kernelEnd } from './sides.ts';

const [peer, count, ...settings] = process.argv.slice(2);
const messages = Number(count);
const isPeerKernel = peer === 'kernel';
const a: End = { wire: CARD_A, address: '10.7.0.1' };
const b: End = isPeerKernel
  ? { wire: 'kernel', namespace: 'b', address: '10.7.0.2' }
  : { wire: CARD_B, address: '10.7.0.2' };

await step('bind', () => {
  bindBySysfs(CARD_A, 'vfio-pci');
  if (!isPeerKernel) return bindBySysfs(CARD_B, 'vfio-pci');
  kernelEnd(b, interfaceOf(CARD_B));
});

await step(`exchange ${2 * messages} messages`, () => exchange(a, b, messages, settings));

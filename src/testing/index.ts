/**
 * A simulated machine, its network and its time, for tests of programs that use drivers and clients: whole drivers and
 * clients run in one process, the same way every time.
 */
export { SimulatedClock } from '../concurrent/clock.ts';
export type { EventLoop, Machine } from '../concurrent/machine.ts';
export { Prng } from '../util/prng.ts';
export { bypassWire } from './simulated-card.ts';
export { SimulatedEventLoop } from './simulated-event-loop.ts';
export { SimulatedFiles } from './simulated-files.ts';
export { SimulatedMachine, SimulatedProcess, SimulatedTime, type Wire } from './simulated-machine.ts';
export {
  goodLink,
  type LinkConditions,
  type NetworkTap,
  type Packet,
  SimulatedNetwork,
  type Station,
} from './simulated-network.ts';
export { SimulatedSwitch, type SwitchOptions } from './simulated-switch.ts';
export { SimulatedThread } from './simulated-thread.ts';
export { SimulatedTransport, type SocketBehaviour } from './simulated-transport.ts';

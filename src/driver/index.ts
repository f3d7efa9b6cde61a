/** The media driver, for programs that run one of their own. */
export type { CountersManager } from '../concurrent/counters.ts';
export type { Region } from '../memory/region.ts';
export type { DatagramSender, IncomingInterceptor, OutgoingInterceptor } from '../transport/interceptors.ts';
export {
  type BurstListener,
  DatagramBurst,
  type DatagramHandler,
  type Endpoint,
  type EndpointOptions,
  type IpAddress,
  type Transport,
} from '../transport/transport.ts';
export type { TransportStatistics } from '../transport/transport-statistics.ts';
export type { HostLookup } from './conductor/name-resolver.ts';
export { type ConfigurationInput, loadConfiguration } from './configuration.ts';
export type { CongestionControl } from './congestion/congestion-control.ts';
export type { CongestedStream, CongestionControlSupplier } from './congestion/congestion-control-supplier.ts';
export type { DriverOptions, Ipv4Interface, PortRange, ThreadingMode } from './driver-options.ts';
export type {
  ExtensionModule,
  ExtensionPoints,
  Extensions,
  IdleStrategySupplier,
  InterceptorSupplier,
  NameResolverSupplier,
  TerminationValidator,
  TransportSupplier,
} from './extensions/extensions.ts';
export type { FlowControl } from './flow/flow-control.ts';
export type { FlowControlledStream, FlowControlSupplier } from './flow/flow-control-supplier.ts';
export type { StatusMessage } from './flow/status-message.ts';
export { MediaDriver } from './media-driver.ts';
export { IGNORED_SETTINGS, SETTINGS, type Setting, type SettingKind } from './settings.ts';

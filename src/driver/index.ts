/** The media driver, for programs that run one of their own. */
export { type ConfigurationInput, loadConfiguration } from './configuration.ts';
export type { DriverOptions, Ipv4Interface, PortRange, ThreadingMode } from './driver-options.ts';
export { MediaDriver } from './media-driver.ts';
export { IGNORED_SETTINGS, SETTINGS, type Setting, type SettingKind } from './settings.ts';

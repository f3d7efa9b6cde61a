export * from './client/index.ts';
export {
  BackoffIdleStrategy,
  BusySpinIdleStrategy,
  createIdleStrategy,
  type IdleStrategy,
  NoOpIdleStrategy,
  SleepingIdleStrategy,
  YieldingIdleStrategy,
} from './concurrent/idle-strategy.ts';
export {
  buildChannel,
  type ChannelParameters,
  type ChannelSpec,
  initialPosition,
  modifyChannel,
} from './uri/channel-builder.ts';
export { ChannelUri } from './uri/channel-uri.ts';
export { AeronError, ConfigurationError } from './util/errors.ts';

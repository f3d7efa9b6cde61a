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
export { AeronError, ConfigurationError } from './util/errors.ts';

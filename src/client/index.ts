export { ChannelStatus, CounterType, SystemCounter } from '../cnc/counter-types.ts';
export {
  COUNTER_ALLOCATED,
  COUNTER_RECLAIMED,
  COUNTER_UNUSED,
  type CounterInfo,
  CountersReader,
} from '../concurrent/counters.ts';
export {
  Aeron,
  type CounterOptions,
  type StaticCounterOptions,
  type StreamOptions,
  type SubscriptionOptions,
} from './aeron.ts';
export { BufferClaim } from './buffer-claim.ts';
export {
  CLIENT_ERRORS,
  type ClientErrorCode,
  ClientTimeoutError,
  ClosedError,
  ConductorServiceTimeoutError,
  DriverTimeoutError,
  ProtocolError,
  RegistrationError,
} from './client-errors.ts';
export type {
  ClientOptions,
  CounterHandler,
  ImageHandler,
  InvokedDriver,
  PublicationErrorFrame,
} from './client-options.ts';
export { ControlledFragmentAssembler } from './controlled-fragment-assembler.ts';
export { Counter } from './counter.ts';
export { requestDriverTermination } from './driver-termination.ts';
export { ExclusivePublication } from './exclusive-publication.ts';
export { FragmentAssembler } from './fragment-assembler.ts';
export {
  type BlockHandler,
  type ControlledFragmentHandler,
  ControlledPollAction,
  type FileBlockHandler,
  type FragmentHandler,
} from './fragment-handler.ts';
export type { Header } from './header.ts';
export { Image } from './image.ts';
export { ImageControlledFragmentAssembler, ImageFragmentAssembler } from './image-fragment-assembler.ts';
export type { LifecycleEvent, LifecycleHandler } from './lifecycle.ts';
export type { MessagesOptions } from './message-iterator.ts';
export {
  ADMIN_ACTION,
  BACK_PRESSURED,
  CLOSED,
  MAX_POSITION_EXCEEDED,
  NOT_CONNECTED,
  offerResultName,
} from './offer-result.ts';
export { Publication, type SendOptions } from './publication.ts';
export { ReadableCounter } from './readable-counter.ts';
export type { ReservedValue, ReservedValueSupplier } from './reserved-value.ts';
export { StatusIndicator } from './status-indicator.ts';
export { Subscription } from './subscription.ts';

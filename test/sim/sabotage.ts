/**
 * Drivers that are broken on purpose, to see that the checkers notice: parts of the shipped code are replaced while a run
 * lasts, in this process only.
 */
import { AgentSharing } from '../../src/driver/agent-sharing.ts';
import { Clients } from '../../src/driver/conductor/clients.ts';
import { CubicCongestionControl } from '../../src/driver/congestion/cubic-congestion-control.ts';
import { FrameSender } from '../../src/driver/frame-sender.ts';
import { LogCleaner } from '../../src/driver/log-cleaner.ts';
import { Image } from '../../src/driver/receiver/image.ts';
import { ImageConnections } from '../../src/driver/receiver/image-connections.ts';
import { LossDetector } from '../../src/driver/receiver/loss-detector.ts';
import { ReceiveEndpoint } from '../../src/driver/receiver/receive-endpoint.ts';
import { BlockedPublisher } from '../../src/driver/sender/blocked-publisher.ts';
import { Destinations } from '../../src/driver/sender/destinations.ts';
import { NetworkPublication } from '../../src/driver/sender/network-publication.ts';
import { RetransmitHandler } from '../../src/driver/sender/retransmit-handler.ts';
import { UntetheredSubscribers } from '../../src/driver/untethered-subscribers.ts';
import { CopyBurst } from '../../src/memory/copy-burst.ts';
import { ArpHost } from '../../src/net/arp-host.ts';
import { GroupMembership } from '../../src/net/group-membership.ts';

type Method = (this: never, ...args: never[]) => unknown;

/** One method of one class, and what it is instead. */
interface Replacement {
  readonly of: object;
  readonly name: string;
  readonly by: (original: Method) => Method;
}

const nothing = (): Method =>
  function doNothing(): number {
    return 0;
  };

function replaced(of: object, name: string, by: (original: Method) => Method): Replacement {
  return { of, name, by };
}

/** By the name that `--sabotage` takes. */
export const SABOTAGES: Readonly<Record<string, readonly Replacement[]>> = {
  /** The sender ignores NAKs. */
  'no-retransmit': [replaced(RetransmitHandler.prototype, 'onNak', nothing)],
  /** The receiver never asks again. */
  'no-nak': [replaced(LossDetector.prototype, 'isDue', () => () => false)],
  /** The sender goes on beyond what its receiver allows. */
  'no-window': [
    replaced(
      NetworkPublication.prototype,
      'onStatusMessage',
      (original) =>
        function ignoreWindow(this: { senderLimit: { value: number } }, ...args: never[]): void {
          original.apply(this as never, args);
          this.senderLimit.value += 65_536;
        },
    ),
  ],
  /** Terms are used again as they were left. */
  'no-cleaning': [
    replaced(
      LogCleaner.prototype,
      'cleanUpTo',
      () =>
        function pretendToClean(this: LogCleaner, length: number): void {
          this.position += length;
        },
    ),
  ],
  /** What was in an image's log three terms ago is there again behind what arrives. */
  'no-word-of-zero': [
    replaced(
      CopyBurst.prototype,
      'add',
      (original) =>
        function addOnly(this: never, ...args: never[]): void {
          original.apply(this, args.slice(0, 5) as never[]);
        },
    ),
  ],
  /** And where something is missing. */
  'no-clean-gap': [replaced(Image.prototype, 'clean', nothing)],
  /** A publisher that died in the middle of a message blocks its stream. */
  'no-unblock': [replaced(BlockedPublisher.prototype, 'unblock', () => () => false)],
  /** Who lost the end of a stream never learns that it was longer. */
  'no-heartbeat': [replaced(NetworkPublication.prototype, 'checkHeartbeat', nothing)],
  /** The driver keeps what dead clients had. */
  'no-client-timeout': [replaced(Clients.prototype, 'onTimer', nothing)],
  /** What network threads count stays with them. */
  'no-sum': [replaced(AgentSharing.prototype, 'sumUp', nothing)],
  /** Manual destinations are not sent to. */
  'no-destination': [replaced(Destinations.prototype, 'add', nothing)],
  /** They are sent to for ever. */
  'keep-destination': [replaced(Destinations.prototype, 'remove', nothing)],
  /** Destinations of subscriptions keep their port. */
  'keep-port': [replaced(ReceiveEndpoint.prototype, 'closeDestination', nothing)],
  /** An image that comes by several ways knows only its first. */
  'one-way': [replaced(ImageConnections.prototype, 'onFrame', nothing)],
  /** Who is untethered holds its stream back like others. */
  'no-leaving-behind': [replaced(UntetheredSubscribers.prototype, 'check', () => () => false)],
  /** A stream that ends waits for who was told that it is gone. */
  'no-end-without': [replaced(UntetheredSubscribers.prototype, 'checkDraining', nothing)],
  /** Spies do not stand for receivers. */
  'no-spy-connection': [replaced(NetworkPublication.prototype, 'followSpies', nothing)],
  /** A loss changes no window. */
  'no-congestion': [replaced(CubicCongestionControl.prototype, 'shrink', nothing)],
  /** A card does not say what its Ethernet address is. */
  'no-arp': [replaced(ArpHost.prototype, 'onArp', nothing)],
  /** Nobody hears which groups a card wants. */
  'no-group-report': [
    replaced(GroupMembership.prototype, 'announce', nothing),
    replaced(GroupMembership.prototype, 'onQuery', nothing),
  ],
  /** Nobody hears that it still wants them. */
  'no-group-answer': [replaced(GroupMembership.prototype, 'onQuery', nothing)],
  /** Small frames are overwritten before the transport has read them. */
  'one-frame-slot': [replaced(FrameSender.prototype, 'claim', () => () => 0)],
  /** Logs are cleaned before everybody has read them. */
  'early-cleaning': [
    replaced(
      LogCleaner.prototype,
      'cleanSome',
      (original) =>
        function cleanAhead(this: { target: number; termLength: number }, ...args: never[]): void {
          this.target += this.termLength;
          original.apply(this as never, args);
          this.target -= this.termLength;
        },
    ),
  ],
};

/** Breaks the driver. Returns how to repair it. */
export function sabotage(name: string): () => void {
  const replacements = SABOTAGES[name];
  if (replacements === undefined) {
    throw new Error(`no sabotage "${name}"; there are ${Object.keys(SABOTAGES).join(', ')}`);
  }
  const undo = replacements.map(({ of, name: method, by }) => {
    const methods = of as Record<string, Method>;
    const original = methods[method];
    if (typeof original !== 'function') throw new Error(`${method} is no method any more`);
    methods[method] = by(original);
    return () => {
      methods[method] = original;
    };
  });
  return () => undo.forEach((repair) => repair());
}

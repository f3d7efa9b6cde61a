/** What a transport did since it was opened. Counts and bytes of UDP payload; they only grow. */
export interface TransportStatistics {
  readonly datagramsSent: number;
  readonly bytesSent: number;
  readonly datagramsReceived: number;
  readonly bytesReceived: number;
  /** Sends that accepted less than they were given. */
  readonly shortSends: number;
  /** Sends that failed for a reason that waiting alone does not cure, ENETUNREACH for instance. */
  readonly sendErrors: number;
  readonly receiveErrors: number;
  /** Datagrams dropped because their bytes were outside every region: an error of this program. */
  readonly invalidSends: number;
  /** Datagrams that arrived here and went to another network agent, whose port they are for; and those lost on that way. */
  readonly datagramsHandedOver: number;
  readonly handOversDropped: number;
  /**
   * Takes the oldest of what happened that an operator should know of, as a sentence; `''` when there is nothing. Few are
   * kept, and the same is said again when it happens again. Cold.
   */
  takeReport?(): string;
  /** What the latest send or receive error was, `ENETUNREACH` for instance; `''` when there was none. */
  readonly lastError: string;
}

/** The layers of the way to a peer, each of which needs those before it. */
export const LAYERS = ['link', 'neighbour', 'ICMP echo', 'path MTU', 'Aeron'] as const;
export type Layer = (typeof LAYERS)[number];

/** What is asked: can this driver's streams get to a receiver there? */
export interface Question {
  readonly address: number;
  /** UDP port of the receiver; null: the way is looked at as far as IP goes. */
  readonly port: number | null;
  readonly streamId: number;
  /** `aeron.mtu.length`, of the UDP payload. */
  readonly mtuLength: number;
}

/** What packets leave by. */
export interface LinkEvidence {
  /** `absent`: no interface or port is there to ask; `no-route`: none leads to the peer. */
  readonly state: 'up' | 'down' | 'no-carrier' | 'no-route' | 'absent';
  /** `eth0`, `DPDK port 0 (net_ena)`; `''` when there is none. */
  readonly name: string;
  /** Largest IP packet, bytes; 0 when it is not known. */
  readonly mtu: number;
  /** More that is known of it, or why it is not there: a part of a sentence, or `''`. */
  readonly detail: string;
}

/** Who takes the packets on this network. */
export interface NeighbourEvidence {
  /** `not-needed`: the way has no Ethernet addresses, as that to ourselves. */
  readonly state: 'found' | 'silent' | 'not-needed';
  readonly address: string;
  /** The peer is behind it. */
  readonly isRouter: boolean;
  /** `''` when it is not known. */
  readonly mac: string;
}

/** `not-asked`: there is nothing to ask with; `detail` says what is missing. */
export interface EchoEvidence {
  readonly state: 'answered' | 'silent' | 'not-asked';
  readonly detail: string;
}

/** Lengths of IP packets. */
export interface PathMtuEvidence {
  readonly needed: number;
  /** The longest that was answered; `needed` when all is well. */
  readonly largest: number;
}

/** What the receiver's driver did with a setup frame. */
export interface AeronEvidence {
  /**
   * `refused`: an ICMP message says that nobody has the port; `rejected`: by an error frame; `not-sent`: the datagrams did not
   * leave.
   */
  readonly state: 'answered' | 'refused' | 'rejected' | 'silent' | 'not-sent';
  /** The receiver's window in bytes; its text of the rejection; what the operating system said. */
  readonly detail: string;
}

/** Everything that was seen. Null: not looked at, since an earlier layer failed or nobody asked. */
export interface Evidence {
  /** As people write it. */
  readonly peer: string;
  readonly isIpv6: boolean;
  readonly question: Question;
  readonly link: LinkEvidence;
  readonly neighbour: NeighbourEvidence | null;
  readonly echo: EchoEvidence | null;
  readonly pathMtu: PathMtuEvidence | null;
  readonly aeron: AeronEvidence | null;
}

/** Bytes of the headers of IP and UDP. */
export function headersLength(isIpv6: boolean): number {
  return isIpv6 ? 48 : 28;
}

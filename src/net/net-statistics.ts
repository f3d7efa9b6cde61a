// hot
/**
 * What the stack counts: one double each, index below. Every frame received is counted once as received and, when it goes
 * nowhere, once more by the reason.
 */
export const RX_FRAMES = 0;
export const RX_DATAGRAMS = 1;
export const RX_DATAGRAM_BYTES = 2;
export const TX_FRAMES = 3;
export const TX_DATAGRAMS = 4;
export const TX_DATAGRAM_BYTES = 5;
export const LINK_UP = 6;
export const LINK_CHANGES = 7;

export const ETHERNET_MALFORMED = 8;
export const ETHERNET_NOT_OURS = 9;
export const ETHERNET_TYPE_UNSUPPORTED = 10;

export const ARP_MALFORMED = 11;
export const ARP_UNSOLICITED = 12;
export const ARP_CONFLICTS = 13;
export const ARP_REPLIES = 14;
export const ARP_REPLIES_LIMITED = 15;
export const ARP_REQUESTS = 16;
export const NEIGHBOURS_EVICTED = 17;

export const IPV4_MALFORMED = 18;
export const IPV4_CHECKSUM = 19;
export const IPV4_FRAGMENTS = 20;
export const IPV4_NOT_OURS = 21;
export const IPV4_SOURCE_INVALID = 22;
export const IPV4_PROTOCOL_UNSUPPORTED = 23;

export const ICMP_MALFORMED = 24;
export const ICMP_REPLIES = 25;
export const ICMP_REPLIES_LIMITED = 26;
export const ICMP_IGNORED = 27;

export const UDP_MALFORMED = 28;
export const UDP_CHECKSUM_WRONG = 29;

/** Sends that waited for a neighbour's address. */
export const TX_UNRESOLVED = 30;
/** Datagrams without a route, or to a neighbour that does not answer. */
export const TX_UNREACHABLE = 31;
/** Frames without a free transmit slot: the device is behind. */
export const TX_NO_ROOM = 32;

export const IGMP_MALFORMED = 33;
export const IGMP_QUERIES = 34;
export const IGMP_REPORTS = 35;
export const IGMP_REPORTS_LIMITED = 36;
/** Reports that another member's made unnecessary. */
export const IGMP_REPORTS_SUPPRESSED = 37;
export const IGMP_IGNORED = 38;

/** Of fragments, which {@link IPV4_FRAGMENTS} counts all: datagrams that were put together, … */
export const IPV4_REASSEMBLED = 39;
/** … whose rest did not come in time, … */
export const IPV4_REASSEMBLY_TIMEOUTS = 40;
/** … that made place for others, … */
export const IPV4_REASSEMBLIES_EVICTED = 41;
/** … and whose fragments overlap or contradict each other. */
export const IPV4_REASSEMBLIES_REFUSED = 42;
/** Packets that name the routers they want to go through (RFC 791: source routes). */
export const IPV4_SOURCE_ROUTED = 43;

/** Times that our address was said to be ours because another claimed it. */
export const ARP_DEFENCES = 44;
/** Other cards' claims to the addresses of neighbours, and neighbours that did move to another card. */
export const NEIGHBOUR_CLAIMS = 45;
export const NEIGHBOURS_MOVED = 46;
/** Times that a new neighbour got no entry: all are in use, or too many were new in a second. */
export const NEIGHBOURS_REFUSED = 47;

/**
 * What was said of datagrams of ours, by ICMP or ICMPv6: nobody has the port, too long for a network on the way, not delivered
 * otherwise.
 */
export const ICMP_PORT_UNREACHABLE = 48;
export const ICMP_FRAGMENTATION_NEEDED = 49;
export const ICMP_UNREACHABLE = 50;
/** The same, of nothing that we sent: somebody makes it up. */
export const ICMP_UNMATCHED = 51;
export const IPV6_MALFORMED = 52;
/** Packets with options or routes that are not obeyed here. */
export const IPV6_EXTENSIONS = 53;
/** Pieces of packets, all of them. */
export const IPV6_FRAGMENTS = 54;
export const IPV6_NOT_OURS = 55;
export const IPV6_SOURCE_INVALID = 56;
export const IPV6_PROTOCOL_UNSUPPORTED = 57;
export const ICMPV6_MALFORMED = 58;
export const ICMPV6_REPLIES = 59;
/** "Port unreachable", sent. */
export const ICMPV6_ERRORS = 60;
/** Replies and errors that were too many a second. */
export const ICMPV6_LIMITED = 61;
/** Router advertisements among them: our addresses are configured. */
export const ICMPV6_IGNORED = 62;
/** Neighbour discovery that is malformed, or not from this link. */
export const ND_MALFORMED = 63;
/** Questions for others, advertisements nobody asked for, and those that would overwrite what is known and may not. */
export const ND_UNSOLICITED = 64;
/** Somebody else has an address of ours. */
export const ND_CONFLICTS = 65;
export const ND_REPLIES = 66;
export const ND_REPLIES_LIMITED = 67;
export const ND_REQUESTS = 68;
export const MLD_MALFORMED = 69;
export const MLD_QUERIES = 70;
export const MLD_REPORTS = 71;
export const MLD_REPORTS_LIMITED = 72;
export const MLD_REPORTS_SUPPRESSED = 73;
/** Other cards' claims to the addresses of neighbours. */
export const ND_CLAIMS = 74;
/** Of {@link IPV6_FRAGMENTS}, in the order of IPv4: put together, too late, displaced, refused. */
export const IPV6_REASSEMBLED = 75;
export const IPV6_REASSEMBLY_TIMEOUTS = 76;
export const IPV6_REASSEMBLIES_EVICTED = 77;
export const IPV6_REASSEMBLIES_REFUSED = 78;

/** Names by index, for tables and counters. */
export const NET_STATISTICS: readonly string[] = [
  'rxFrames',
  'rxDatagrams',
  'rxDatagramBytes',
  'txFrames',
  'txDatagrams',
  'txDatagramBytes',
  'linkUp',
  'linkChanges',
  'ethernetMalformed',
  'ethernetNotOurs',
  'ethernetTypeUnsupported',
  'arpMalformed',
  'arpUnsolicited',
  'arpConflicts',
  'arpReplies',
  'arpRepliesLimited',
  'arpRequests',
  'neighboursEvicted',
  'ipv4Malformed',
  'ipv4Checksum',
  'ipv4Fragments',
  'ipv4NotOurs',
  'ipv4SourceInvalid',
  'ipv4ProtocolUnsupported',
  'icmpMalformed',
  'icmpReplies',
  'icmpRepliesLimited',
  'icmpIgnored',
  'udpMalformed',
  'udpChecksumWrong',
  'txUnresolved',
  'txUnreachable',
  'txNoRoom',
  'igmpMalformed',
  'igmpQueries',
  'igmpReports',
  'igmpReportsLimited',
  'igmpReportsSuppressed',
  'igmpIgnored',
  'ipv4Reassembled',
  'ipv4ReassemblyTimeouts',
  'ipv4ReassembliesEvicted',
  'ipv4ReassembliesRefused',
  'ipv4SourceRouted',
  'arpDefences',
  'neighbourClaims',
  'neighboursMoved',
  'neighboursRefused',
  'icmpPortUnreachable',
  'icmpFragmentationNeeded',
  'icmpUnreachable',
  'icmpUnmatched',
  'ipv6Malformed',
  'ipv6Extensions',
  'ipv6Fragments',
  'ipv6NotOurs',
  'ipv6SourceInvalid',
  'ipv6ProtocolUnsupported',
  'icmpv6Malformed',
  'icmpv6Replies',
  'icmpv6Errors',
  'icmpv6Limited',
  'icmpv6Ignored',
  'ndMalformed',
  'ndUnsolicited',
  'ndConflicts',
  'ndReplies',
  'ndRepliesLimited',
  'ndRequests',
  'mldMalformed',
  'mldQueries',
  'mldReports',
  'mldReportsLimited',
  'mldReportsSuppressed',
  'ndClaims',
  'ipv6Reassembled',
  'ipv6ReassemblyTimeouts',
  'ipv6ReassembliesEvicted',
  'ipv6ReassembliesRefused',
];

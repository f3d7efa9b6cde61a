/**
 * The language of `capture --filter`, a small part of what tcpdump understands, and what Aeron adds:
 *
 * ```
 * expression  term { "or" term }
 * term        factor { "and" factor }
 * factor      "not" factor | "(" expression ")" | primitive
 * primitive   [ "src" | "dst" ] "host" address | [ "src" | "dst" ] "port" number | "in" | "out"
 *             "arp" | "ip" | "ip6" | "udp" | "icmp" | "icmp6" | "igmp"
 *             "aeron" | "data" | "pad" | "setup" | "sm" | "nak" | "rttm" | "err" | "res" | "rsp_setup"
 *             "stream" id | "session" id
 * ```
 */
import { UsageError } from '../command.ts';
import { AERON_FRAMES, type DecodedFrame } from './decoded-frame.ts';

export interface FilteredFrame extends DecodedFrame {
  readonly isOut: boolean;
}

export type FrameFilter = (frame: FilteredFrame) => boolean;

const NETWORKS: readonly string[] = ['arp', 'ip', 'ip6'];
const TRANSPORTS: readonly string[] = ['udp', 'icmp', 'icmp6', 'igmp'];
const AERON_NAMES: readonly string[] = [...AERON_FRAMES.values()];

/** Throws UsageError that names the word which cannot be understood. */
export function parseFilter(text: string): FrameFilter {
  const parser = new Parser(text);
  const filter = parser.expression();
  parser.end();
  return filter;
}

class Parser {
  private readonly text: string;
  private readonly words: readonly string[];
  private next = 0;

  constructor(text: string) {
    this.text = text;
    this.words = text.toLowerCase().match(/[()]|[^\s()]+/g) ?? [];
  }

  expression(): FrameFilter {
    let left = this.term();
    while (this.takes('or')) {
      const [a, b] = [left, this.term()];
      left = (frame) => a(frame) || b(frame);
    }
    return left;
  }

  end(): void {
    if (this.next < this.words.length) throw this.error('"and", "or" or the end');
  }

  private term(): FrameFilter {
    let left = this.factor();
    while (this.takes('and')) {
      const [a, b] = [left, this.factor()];
      left = (frame) => a(frame) && b(frame);
    }
    return left;
  }

  private factor(): FrameFilter {
    if (this.takes('not')) {
      const inner = this.factor();
      return (frame) => !inner(frame);
    }
    if (this.takes('(')) {
      const inner = this.expression();
      if (!this.takes(')')) throw this.error('")"');
      return inner;
    }
    return this.primitive();
  }

  private primitive(): FrameFilter {
    const word = this.words[this.next];
    if (word === undefined) throw this.error('something to look for');
    this.next++;
    if (NETWORKS.includes(word)) return (frame) => frame.network === word;
    if (TRANSPORTS.includes(word)) return (frame) => frame.transport === word;
    if (AERON_NAMES.includes(word)) return (frame) => frame.aeron === word;
    switch (word) {
      case 'in':
        return (frame) => !frame.isOut;
      case 'out':
        return (frame) => frame.isOut;
      case 'aeron':
        return (frame) => frame.aeron !== null;
      case 'src':
      case 'dst':
        return this.endpoint(word === 'src', word === 'dst');
      case 'host':
      case 'port':
        this.next--;
        return this.endpoint(true, true);
      case 'stream': {
        const id = this.integer('a stream id', -2147483648, 2147483647);
        return (frame) => frame.streamId === id;
      }
      case 'session': {
        const id = this.integer('a session id', -2147483648, 2147483647);
        return (frame) => frame.sessionId === id;
      }
      default:
        this.next--;
        throw this.error('a filter');
    }
  }

  private endpoint(source: boolean, destination: boolean): FrameFilter {
    if (this.takes('host')) {
      const address = this.words[this.next++];
      if (address === undefined) throw this.error('an address');
      return (frame) =>
        (source && frame.source === address) || (destination && frame.destination === address);
    }
    if (!this.takes('port')) throw this.error('"host" or "port"');
    const port = this.integer('a port', 0, 65535);
    return (frame) =>
      (source && frame.sourcePort === port) || (destination && frame.destinationPort === port);
  }

  private integer(what: string, min: number, max: number): number {
    const word = this.words[this.next];
    const number = Number(word);
    if (word === undefined || !Number.isInteger(number) || number < min || number > max)
      throw this.error(what);
    this.next++;
    return number;
  }

  private takes(word: string): boolean {
    if (this.words[this.next] !== word) return false;
    this.next++;
    return true;
  }

  private error(expected: string): UsageError {
    const found = this.words[this.next];
    const where = found === undefined ? 'at its end' : `at "${found}"`;
    return new UsageError(`--filter "${this.text}": expected ${expected} ${where}`);
  }
}

import { AeronError } from '../util/errors.ts';

const LENGTH_MAX = 4095;
const SPY_PREFIX = 'aeron-spy:';
const SCHEME = 'aeron:';

/**
 * A channel: `aeron:udp?endpoint=localhost:20121|term-length=64k`, `aeron:ipc`, or either with `aeron-spy:` before it.
 * Keys that nobody knows are kept; what the values mean is for others to say.
 */
export class ChannelUri {
  readonly prefix: '' | 'aeron-spy';
  readonly media: 'udp' | 'ipc';
  private readonly parameters: Map<string, string>;

  private constructor(prefix: '' | 'aeron-spy', media: 'udp' | 'ipc', parameters: Map<string, string>) {
    this.prefix = prefix;
    this.media = media;
    this.parameters = parameters;
  }

  /** Throws AeronError `INVALID_CHANNEL`, which says what is wrong with the text. */
  static parse(text: string): ChannelUri {
    const invalid = (why: string) =>
      new AeronError('INVALID_CHANNEL', `${why}: ${text.slice(0, LENGTH_MAX)}`);
    if (text.length > LENGTH_MAX) throw invalid(`${text.length} characters, ${LENGTH_MAX} are allowed`);
    const isSpy = text.startsWith(SPY_PREFIX);
    const start = isSpy ? SPY_PREFIX.length : 0;
    if (!text.startsWith(SCHEME, start)) throw invalid(`Aeron URIs must start with '${SCHEME}'`);

    const mark = text.indexOf('?', start);
    const media = text.slice(start + SCHEME.length, mark < 0 ? undefined : mark);
    if (media !== 'udp' && media !== 'ipc') throw invalid(`unknown media '${media}', it is udp or ipc`);
    if (media === 'udp' && mark < 0)
      throw invalid('a udp channel needs parameters, endpoint=host:port for instance');

    const parameters = new Map<string, string>();
    if (mark >= 0) {
      for (const parameter of text.slice(mark + 1).split('|')) {
        const equals = parameter.indexOf('=');
        if (equals < 0) throw invalid(`parameter '${parameter}' is not of the form key=value`);
        if (equals === 0) throw invalid(`parameter '${parameter}' has no key`);
        if (equals === parameter.length - 1) throw invalid(`parameter '${parameter}' has no value`);
        parameters.set(parameter.slice(0, equals), parameter.slice(equals + 1));
      }
    }
    return new ChannelUri(isSpy ? 'aeron-spy' : '', media, parameters);
  }

  get(key: string): string | undefined {
    return this.parameters.get(key);
  }

  has(key: string): boolean {
    return this.parameters.has(key);
  }

  /** The parameters, in their order. */
  entries(): IterableIterator<[string, string]> {
    return this.parameters.entries();
  }

  /** Takes a parameter away. Returns whether there was one. */
  remove(key: string): boolean {
    return this.parameters.delete(key);
  }

  /** Throws AeronError `INVALID_CHANNEL` when the parameter could not be parsed again. */
  set(key: string, value: string): this {
    if (key === '' || /[|=]/.test(key) || value === '' || value.includes('|')) {
      throw new AeronError('INVALID_CHANNEL', `'${key}=${value}' cannot be a channel parameter`);
    }
    this.parameters.set(key, value);
    return this;
  }

  toString(): string {
    const prefix = this.prefix === '' ? '' : SPY_PREFIX;
    const parameters = Array.from(this.parameters, ([key, value]) => `${key}=${value}`);
    const query = parameters.length === 0 ? '' : `?${parameters.join('|')}`;
    return `${prefix}${SCHEME}${this.media}${query}`;
  }
}

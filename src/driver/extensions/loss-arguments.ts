import { ConfigurationError } from '../../util/errors.ts';
import { FixedLossInterceptor, LossInterceptor, MultiGapLossInterceptor } from './loss-interceptors.ts';

const INTEGER = /^[-+]?\d{1,15}$/;
const HEX = /^(?:0x)?[0-9a-f]{1,8}$/i;
const RATE = /^\d(?:\.\d{1,15})?$/;

/** `rate=0.1|seed=42|recv-msg-mask=0x2`: a share of the datagrams whose first frame has a type of the mask. */
export function lossInterceptor(text: string): LossInterceptor {
  const read = reader('loss', text);
  return new LossInterceptor(
    Number(read('rate', RATE, '0')),
    Number(read('seed', INTEGER, '0')),
    Number.parseInt(read('recv-msg-mask', HEX, '0'), 16) | 0,
  );
}

/** `term-id=5|term-offset=0|length=4096`: that range of that term, once. */
export function fixedLossInterceptor(text: string): FixedLossInterceptor {
  const read = reader('fixed-loss', text);
  return new FixedLossInterceptor(
    Number(read('term-id', INTEGER)),
    Number(read('term-offset', INTEGER)),
    Number(read('length', INTEGER)),
  );
}

/** `term-id=5|gap-radix=4096|gap-length=64|total-gaps=10`: so many ranges of that term, once. */
export function multiGapLossInterceptor(text: string): MultiGapLossInterceptor {
  const read = reader('multi-gap-loss', text);
  const gapRadix = Number(read('gap-radix', INTEGER));
  if (gapRadix < 1 || gapRadix > 2 ** 30) {
    throw new ConfigurationError(`multi-gap-loss: gap-radix=${gapRadix} is not from 1 to ${2 ** 30}.`);
  }
  return new MultiGapLossInterceptor(
    Number(read('term-id', INTEGER)),
    2 ** Math.ceil(Math.log2(gapRadix)),
    Number(read('gap-length', INTEGER)),
    Number(read('total-gaps', INTEGER)),
  );
}

/** Reads `key=value|key=value`. Keys that mean nothing are ignored, as the official driver does. */
function reader(name: string, text: string): (key: string, form: RegExp, otherwise?: string) => string {
  const values = new Map<string, string>();
  for (const pair of text === '' ? [] : text.split('|')) {
    const at = pair.indexOf('=');
    if (at < 1) throw new ConfigurationError(`${name}: "${pair}" of "${text}" is not key=value.`);
    values.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return (key, form, otherwise) => {
    const value = values.get(key) ?? otherwise;
    if (value === undefined) throw new ConfigurationError(`${name}: "${text}" does not say ${key}=.`);
    if (!form.test(value)) throw new ConfigurationError(`${name}: could not parse ${key} from: ${value}`);
    return value;
  };
}

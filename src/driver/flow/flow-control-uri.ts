import { parseDurationNs } from '../../uri/units.ts';
import type { DriverOptions } from '../driver-options.ts';
import { groupTagOf, parseGroupTag } from '../group-tag.ts';
import type { FlowControlSpec } from '../messages.ts';

/** Everything of a {@link FlowControlSpec} but its counter. */
export type FlowControlParameters = Omit<FlowControlSpec, 'receiversCounterId'>;

const INT32_MAX = 2147483647;

/**
 * Flow control of a publication with one receiver, by the value of `fc`: `max[,rrwm:n]`, `null` says nothing. Throws an Error
 * that says what is wrong: to wait for several receivers takes a group.
 */
export function unicastFlowControl(text: string | null, options: DriverOptions): FlowControlParameters {
  const asked = groupFlowControl(text, {
    ...options,
    multicastFlowControl: options.unicastFlowControl,
    multicastFlowControlRrwm: options.unicastFlowControlRrwm,
  });
  if (text !== null && asked.strategy !== 'max') {
    throw new Error(
      `unsupported unicast flow control strategy '${asked.strategy}': there is one receiver, use max`,
    );
  }
  return asked;
}

/**
 * Flow control of a publication with many receivers, by the value of `fc`: `max[,rrwm:n]`, or `min` and `tagged` with
 * `g:[tag][/size]`, `t:timeout` and `rrwm:n`. What it does not say, the driver's settings do; `null` says nothing.
 * Throws an Error that says what is wrong.
 */
export function groupFlowControl(text: string | null, options: DriverOptions): FlowControlParameters {
  const [name = '', ...fields] = text === null ? [options.multicastFlowControl] : text.split(',');
  if (text !== null && name !== 'max' && name !== 'min' && name !== 'tagged') {
    throw new Error(`'${name}' is not a flow control strategy: max, min or tagged`);
  }
  const parameters: FlowControlParameters = {
    strategy: name,
    groupTag: groupTagOf(options.flowControlGroupTag),
    groupMinSize: options.flowControlGroupMinSize,
    receiverTimeoutNs: options.flowControlReceiverTimeoutNs,
    retransmitWindowMultiple: options.multicastFlowControlRrwm,
  };
  for (const field of fields) Object.assign(parameters, parseField(name, field));
  return parameters;
}

function parseField(strategy: string, field: string): Partial<FlowControlParameters> {
  if (field.startsWith('rrwm:')) return { retransmitWindowMultiple: integer(field, 5, 1) };
  if (strategy !== 'max' && field.startsWith('t:'))
    return { receiverTimeoutNs: parseDurationNs(field.slice(2)) };
  if (strategy !== 'max' && field.startsWith('g:')) return parseGroup(field);
  const known = strategy === 'max' ? 'rrwm:' : 'g:, t: and rrwm:';
  throw new Error(`unknown option '${field}' of ${strategy}, which has ${known}`);
}

function parseGroup(field: string): Partial<FlowControlParameters> {
  const [, tag, size] = /^g:([-+]?\d{1,20})?(\/\d{1,10})?$/.exec(field) ?? [];
  if (tag === undefined && size === undefined) throw new Error(`'${field}' is not g:[tag][/size]`);
  return {
    ...(tag === undefined ? {} : { groupTag: groupTagOf(parseGroupTag(tag)) }),
    ...(size === undefined ? {} : { groupMinSize: integer(size, 1, 0) }),
  };
}

function integer(text: string, start: number, min: number): number {
  const value = /^\d{1,10}$/.test(text.slice(start)) ? Number(text.slice(start)) : Number.NaN;
  if (!(value >= min && value <= INT32_MAX)) throw new Error(`'${text}' is outside ${min} to ${INT32_MAX}`);
  return value;
}

import { CNC_VERSION, CncFile } from '../cnc/cnc-file.ts';
import { commandTypeId, encodeCommand } from '../cnc/commands.ts';
import { codeOf } from '../util/errors.ts';
import { clientError } from './client-errors.ts';
import { defaultDirectory } from './client-options.ts';

const TOKEN_LENGTH_MAX = 4_096;

/**
 * Asks the driver of a directory to end, without connecting to it. `token` is what the driver's termination validator
 * may want to see. The driver does not answer: it ends, or its validator (`aeron.driver.termination.validator`) says
 * no. Returns whether it was asked: false when there is no driver, or no room for the command.
 * Throws RangeError for a token of more than 4096 bytes, and AeronError as {@link CncFile.map} does, `CNC_VERSION` also
 * for a driver too old to know this command.
 */
export function requestDriverTermination(
  directory: string = defaultDirectory(),
  token: Uint8Array = new Uint8Array(0),
): boolean {
  if (token.length > TOKEN_LENGTH_MAX) {
    throw new RangeError(`a token of ${token.length} bytes; the longest has ${TOKEN_LENGTH_MAX}`);
  }
  const cnc = mapCnc(directory);
  if (cnc === null) return false;
  try {
    const { version, toDriver } = cnc;
    if (minorOf(version) < minorOf(CNC_VERSION)) {
      throw clientError(
        'CNC_VERSION',
        `the driver in ${directory} is of minor version ${minorOf(version)} and cannot be told to end; ` +
          `from ${minorOf(CNC_VERSION)} on they can. Stop its process.`,
      );
    }
    const command = {
      type: 'terminateDriver',
      clientId: toDriver.nextCorrelationId(),
      correlationId: toDriver.nextCorrelationId(),
      token: Buffer.from(token),
    } as const;
    const bytes = Buffer.alloc(TOKEN_LENGTH_MAX + 64);
    return toDriver.write(commandTypeId(command), bytes, 0, encodeCommand(command, bytes));
  } finally {
    cnc.close();
  }
}

function mapCnc(directory: string): CncFile | null {
  try {
    return CncFile.map(directory);
  } catch (error) {
    if (codeOf(error) === 'CNC_NOT_FOUND' || codeOf(error) === 'CNC_NOT_READY') return null;
    throw error;
  }
}

function minorOf(version: number): number {
  return (version >> 8) & 0xff;
}

import { readFileSync } from 'node:fs';
import { ConfigurationError, messageOf } from '../util/errors.ts';
import { parseProperties } from './properties.ts';

/** `[EAL arguments --] [-Dname=value …] [file.properties …]`, taken apart. */
export interface CommandLine {
  readonly ealArguments: readonly string[];
  readonly propertyFiles: readonly string[];
  /** Names and values of the `-D` options, in order. */
  readonly defines: readonly (readonly [name: string, value: string])[];
}

/**
 * Takes the arguments of the driver's command apart, the form the official drivers have.
 * @throws ConfigurationError for an option it does not know, or a `-D` without `=`.
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const separator = args.indexOf('--');
  const ealArguments = separator < 0 ? [] : args.slice(0, separator);
  const own = args.slice(separator + 1);
  const propertyFiles: string[] = [];
  const defines: [string, string][] = [];
  for (let i = 0; i < own.length; i++) {
    const argument = own[i]!;
    if (argument.startsWith('-D')) {
      const define = argument === '-D' ? (own[++i] ?? '') : argument.slice(2);
      const equals = define.search(/[=:]/);
      if (equals <= 0) throw new ConfigurationError(`-D${define} has no value. Write -Dname=value.`);
      defines.push([define.slice(0, equals).trim(), define.slice(equals + 1).trim()]);
    } else if (argument.startsWith('-')) {
      throw new ConfigurationError(
        `option ${argument} is not known. The form is [EAL arguments --] [-Dname=value …] [file.properties …].`,
      );
    } else {
      propertyFiles.push(argument);
    }
  }
  return { ealArguments, propertyFiles, defines };
}

/** @throws ConfigurationError when the file cannot be read. */
export function readPropertyFile(path: string): [name: string, value: string][] {
  try {
    return parseProperties(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigurationError(`cannot read property file ${path}: ${messageOf(error)}`, { cause: error });
  }
}

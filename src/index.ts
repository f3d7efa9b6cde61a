export { AeronError, ConfigurationError } from './util/errors.ts';

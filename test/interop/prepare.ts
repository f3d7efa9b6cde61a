/**
 * Builds what the tests need of the official peers, as they would do it themselves: apart from them, so that a registry
 * that does not answer is told from a test that fails. Throws with CI=true when something cannot be built.
 */
import { officialAeronMissing } from './java.ts';
import { otherClientsMissing } from './rust.ts';

officialAeronMissing();
otherClientsMissing();

/**
 * The exceptions. Whatever is raised here over what was handed in is a `CountermarkError`.
 *
 * - CountermarkError
 *   - MalformedReceipt, MalformedRecord, MalformedStatement, MalformedNote, MalformedProof, MalformedTile,
 *     MalformedPolicy: it does not parse in its one encoding, or is beyond a limit
 *   - UnusableKey: a public key that fails the checks of its algorithm
 *   - SignatureInvalid, ProofInvalid, UntrustedNote: it parses, and does not hold
 *   - Undecided: what a check needs is not at hand, so that it neither holds nor fails
 * @module
 */
export class CountermarkError extends Error {
  /** @param {string} message @param {ErrorOptions} [options] */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

export class MalformedReceipt extends CountermarkError {}
export class MalformedRecord extends CountermarkError {}
export class MalformedStatement extends CountermarkError {}
export class MalformedNote extends CountermarkError {}
export class MalformedProof extends CountermarkError {}
export class MalformedTile extends CountermarkError {}
export class MalformedPolicy extends CountermarkError {}
export class UnusableKey extends CountermarkError {}
export class SignatureInvalid extends CountermarkError {}
export class ProofInvalid extends CountermarkError {}
export class UntrustedNote extends CountermarkError {}
export class Undecided extends CountermarkError {}

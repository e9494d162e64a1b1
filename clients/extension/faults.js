// @ts-check
/**
 * What goes wrong between the extension and a registry. Each has a code, which names its sentence in `_locales`, and the
 * values of that sentence.
 *
 * - Fault
 *   - Unanswered: there is no answer; nothing was learnt
 *   - Refused: there is an answer, and it contradicts the question, itself, or what is proven: nothing of it is shown
 * @module
 */

/** @typedef {{ [name: string]: string | number | bigint }} Values */

export class Fault extends Error {
  /** @param {string} code @param {Values} [values] @param {ErrorOptions} [options] */
  constructor(code, values = {}, options) {
    super(code, options);
    this.name = new.target.name;
    this.code = code;
    this.values = values;
  }
}

export class Unanswered extends Fault {}
export class Refused extends Fault {}
